// The vector loops of top_k.cc.
#if defined(KVSIFT_CPU_TOP_K_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef KVSIFT_CPU_TOP_K_INL_H_
#undef KVSIFT_CPU_TOP_K_INL_H_
#else
#define KVSIFT_CPU_TOP_K_INL_H_
#endif

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "hwy/highway.h"
#include "kernels/cpu/target-inl.h"
#include "kernels/cpu/top_k.h"

HWY_BEFORE_NAMESPACE();
namespace kvsift {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <typename T>
using Tag = hn::ScalableTag<T>;
template <typename T>
HWY_INLINE int64_t LanesOf() {
  return static_cast<int64_t>(hn::Lanes(Tag<T>()));
}

// Positions first, first + 1, ...
struct RunPositions {
  int32_t first;
  template <class D32>
  HWY_INLINE hn::Vec<D32> Vector(D32 d, int64_t i) const {
    return hn::Iota(d, static_cast<int32_t>(first + i));
  }
  HWY_INLINE int32_t At(int64_t i) const { return static_cast<int32_t>(first + i); }
};

// Positions in memory.
struct ListedPositions {
  const int32_t* list;
  template <class D32>
  HWY_INLINE hn::Vec<D32> Vector(D32 d, int64_t i) const {
    return hn::LoadU(d, list + i);
  }
  HWY_INLINE int32_t At(int64_t i) const { return list[i]; }
};

template <typename T>
HWY_INLINE uint64_t BitsOf(hn::Mask<Tag<T>> mask) {
  uint8_t bytes[8] = {};
  hn::StoreMaskBits(Tag<T>(), mask, bytes);
  uint64_t bits;
  hwy::CopyBytes<8>(bytes, &bits);
  return bits;
}

template <class D>
HWY_INLINE hn::Mask<D> MaskOf(D d, uint64_t bits) {
  uint8_t bytes[8];
  hwy::CopyBytes<8>(&bits, bytes);
  return hn::LoadMaskBits(d, bytes);
}

// Candidates being gathered; may run over the candidates it reads, a vector behind or level.
template <typename T>
struct Appender {
  T* values;
  int32_t* positions;
  int64_t count;

  HWY_INLINE void AppendIf(bool condition, T value, int32_t position) {
    values[count] = value;
    positions[count] = position;
    count += condition;
  }

  // Appends those of values from[i .. i + lanes) that `mask` names.
  template <class Positions>
  HWY_INLINE void Append(const T* from, int64_t i, hn::Mask<Tag<T>> mask, const Positions& at) {
    const Tag<T> d;
    // Few lanes pass as a rule, and where all do they are copied. Compress instructions lost to
    // this on every instruction set (PERFORMANCE.md).
    if (hn::AllTrue(d, mask)) return AppendAll(from, i, at);
    AppendBits(from, i, BitsOf<T>(mask), at);
  }

  template <class Positions>
  HWY_INLINE void AppendAll(const T* from, int64_t i, const Positions& at) {
    const Tag<T> d;
    const hn::CappedTag<int32_t, HWY_MAX_BYTES / sizeof(T)> d32;
    const auto v = hn::LoadU(d, from + i);
    for (int64_t j = 0; j < LanesOf<T>(); j += static_cast<int64_t>(hn::Lanes(d32))) {
      hn::StoreU(at.Vector(d32, i + j), d32, positions + count + j);
    }
    hn::StoreU(v, d, values + count);
    count += LanesOf<T>();
  }

  // Appends those whose bit is set.
  template <class Positions>
  HWY_INLINE void AppendBits(const T* from, int64_t i, uint64_t bits, const Positions& at) {
    for (; bits != 0; bits &= bits - 1) {
      const int64_t lane = i + static_cast<int64_t>(hwy::Num0BitsBelowLS1Bit_Nonzero64(bits));
      AppendIf(true, from[lane], at.At(lane));
    }
  }

  // The same, for many: where there are instructions that compress, and vectors of enough lanes.
  template <class Positions>
  HWY_INLINE void AppendMany(const T* from, int64_t i, uint64_t bits, const Positions& at) {
#if HWY_TARGET <= HWY_AVX3_DL
    if constexpr (sizeof(T) < 8) return Compress(from, i, bits, at);
#endif
    if (bits == (uint64_t{1} << LanesOf<T>()) - 1) return AppendAll(from, i, at);
    AppendBits(from, i, bits, at);
  }

  template <class Positions>
  HWY_INLINE void Compress(const T* from, int64_t i, uint64_t bits, const Positions& at) {
    const Tag<T> d;
    const hn::CappedTag<int32_t, HWY_MAX_BYTES / sizeof(T)> d32;
    const auto step = static_cast<int64_t>(hn::Lanes(d32));
    const auto v = hn::LoadU(d, from + i);
    int64_t end = count;
    for (int64_t j = 0; j < LanesOf<T>(); j += step) {
      const uint64_t here = bits >> j & ((uint64_t{1} << step) - 1);
      const auto kept = hn::Compress(at.Vector(d32, i + j), MaskOf(d32, here));
      hn::StoreU(kept, d32, positions + end);
      end += static_cast<int64_t>(hwy::PopCount(here));
    }
    hn::StoreU(hn::Compress(v, MaskOf(d, bits)), d, values + count);
    count = end;
  }
};

// Puts the least value of the type, which is above nothing, behind `values`: a vector of it.
template <typename T>
HWY_INLINE void Pad(T* values, int64_t count) {
  const Tag<T> d;
  hn::StoreU(hn::Set(d, std::numeric_limits<T>::min()), d, values + count);
}

// How many of `values` are above `floor`. REQUIRES: they are padded.
template <typename T>
HWY_INLINE int64_t CountAbove(const T* values, int64_t count, T floor) {
  const Tag<T> d;
  const auto limit = hn::Set(d, floor);
  int64_t above = 0;
  for (int64_t i = 0; i < count; i += LanesOf<T>()) {
    above += static_cast<int64_t>(hn::CountTrue(d, hn::Gt(hn::LoadU(d, values + i), limit)));
  }
  return above;
}

// The least and the largest value. REQUIRES: count >= 1; they are padded.
template <typename T>
HWY_INLINE void Extremes(const T* values, int64_t count, T* least, T* largest) {
  const Tag<T> d;
  const int64_t lanes = LanesOf<T>();
  auto low = hn::Set(d, values[0]);
  auto high = low;
  for (int64_t i = 0; i < count; i += lanes) {
    const auto v = hn::LoadU(d, values + i);
    const auto within = hn::FirstN(d, static_cast<size_t>(count - i));
    low = hn::Min(low, hn::IfThenElse(within, v, low));
    high = hn::Max(high, v);
  }
  HWY_ALIGN T lows[HWY_MAX_BYTES / sizeof(T)];
  HWY_ALIGN T highs[HWY_MAX_BYTES / sizeof(T)];
  hn::Store(low, d, lows);
  hn::Store(high, d, highs);
  *least = *std::min_element(lows, lows + lanes);
  *largest = *std::max_element(highs, highs + lanes);
}

// The k-th largest of `values`, all of them above `floor`: by bisection.
// REQUIRES: count >= k; they are padded.
template <typename T>
T KthLargest(const T* values, int64_t count, int64_t k, T floor) {
  T least;
  T high;
  Extremes(values, count, &least, &high);
  floor = std::max(floor, static_cast<T>(least - 1));
  // At least k are above `floor`, fewer than k above `high`.
  while (high - floor > 1) {
    const T middle = static_cast<T>(floor + (high - floor) / 2);
    if (CountAbove(values, count, middle) >= k) {
      floor = middle;
    } else {
      high = middle;
    }
  }
  return high;
}

HWY_INLINE uint64_t HighestBit(uint64_t bits) {
  return uint64_t{1} << (63 - hwy::Num0BitsAboveMS1Bit_Nonzero64(bits));
}

// Keeps the k best of the candidates in place: all above the k-th value and the most recent of
// those equal to it.
template <typename T>
void CutToK(TopK<T>& top) {
  if (top.count < top.k) return;
  Pad(top.values, top.count);
  const T kth = KthLargest(top.values, top.count, top.k, top.floor);
  top.floor = static_cast<T>(kth - 1);
  if (top.count == top.k) return;
  const Tag<T> d;
  const int64_t lanes = LanesOf<T>();
  const auto at_least = hn::Set(d, top.floor);
  const auto above = hn::Set(d, kth);
  // Ties to drop: the oldest, which come first.
  int64_t surplus = CountAbove(top.values, top.count, top.floor) - top.k;
  Appender<T> kept{top.values, top.positions, 0};
  const ListedPositions positions{top.positions};
  const int64_t count = top.count;
  for (int64_t i = 0; i < count; i += lanes) {
    const auto v = hn::LoadU(d, top.values + i);
    uint64_t bits = BitsOf<T>(hn::Gt(v, at_least));
    if (surplus > 0) {
      uint64_t ties = BitsOf<T>(hn::Eq(v, above));
      const auto here = static_cast<int64_t>(hwy::PopCount(ties));
      // The last ties to drop are among these.
      for (int64_t left = here; left > surplus; --left) ties ^= HighestBit(ties);
      bits &= ~ties;
      surplus -= std::min(surplus, here);
    }
    kept.AppendMany(top.values, i, bits, positions);
  }
  top.count = kept.count;
}

// Takes at most kTopKPiece values, from[begin .. end).
template <typename T, class Positions>
HWY_INLINE void ConsumePiece(TopK<T>& top, const T* from, int64_t begin, int64_t end,
                             const Positions& positions) {
  const Tag<T> d;
  const int64_t lanes = LanesOf<T>();
  const auto floor = hn::Set(d, top.floor);
  Appender<T> kept{top.values, top.positions, top.count};
  int64_t i = begin;
  for (; i + lanes <= end; i += lanes) {
    const auto mask = hn::Gt(hn::LoadU(d, from + i), floor);
    if (hn::AllFalse(d, mask)) continue;
    kept.Append(from, i, mask, positions);
  }
  for (; i < end; ++i) kept.AppendIf(from[i] > top.floor, from[i], positions.At(i));
  top.count = kept.count;
}

template <typename T, class Positions>
void ConsumeAll(TopK<T>& top, const T* values, int64_t count, const Positions& positions) {
  // A cut costs about as much as its candidates took to collect, and a higher floor admits
  // fewer: cutting at about twice k rather than when the room is full.
  const int64_t cut_at =
      std::min(2 * top.k + kTopKPiece / 2, top.capacity - kTopKPiece - kTopKSlack);
  for (int64_t begin = 0; begin < count; begin += kTopKPiece) {
    if (top.count > cut_at) CutToK(top);
    ConsumePiece(top, values, begin, std::min(begin + kTopKPiece, count), positions);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace kvsift
HWY_AFTER_NAMESPACE();

#endif
