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
    if (hn::AllTrue(d, mask)) {
      const hn::CappedTag<int32_t, HWY_MAX_BYTES / sizeof(T)> d32;
      const auto v = hn::LoadU(d, from + i);
      for (int64_t j = 0; j < LanesOf<T>(); j += static_cast<int64_t>(hn::Lanes(d32))) {
        hn::StoreU(at.Vector(d32, i + j), d32, positions + count + j);
      }
      hn::StoreU(v, d, values + count);
      count += LanesOf<T>();
      return;
    }
    uint8_t bytes[8] = {};
    hn::StoreMaskBits(d, mask, bytes);
    uint64_t bits;
    hwy::CopyBytes<8>(bytes, &bits);
    for (; bits != 0; bits &= bits - 1) {
      const int64_t lane = i + static_cast<int64_t>(hwy::Num0BitsBelowLS1Bit_Nonzero64(bits));
      AppendIf(true, from[lane], at.At(lane));
    }
  }
};

// How many of `values` are above `floor`.
template <typename T>
HWY_INLINE int64_t CountAbove(const T* values, int64_t count, T floor) {
  const Tag<T> d;
  const int64_t lanes = LanesOf<T>();
  const auto limit = hn::Set(d, floor);
  int64_t above = 0;
  int64_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    above += static_cast<int64_t>(hn::CountTrue(d, hn::Gt(hn::LoadU(d, values + i), limit)));
  }
  for (; i < count; ++i) above += values[i] > floor;
  return above;
}

// The least and the largest value. REQUIRES: count >= 1.
template <typename T>
HWY_INLINE void Extremes(const T* values, int64_t count, T* least, T* largest) {
  const Tag<T> d;
  const int64_t lanes = LanesOf<T>();
  auto low = hn::Set(d, values[0]);
  auto high = low;
  int64_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    const auto v = hn::LoadU(d, values + i);
    low = hn::Min(low, v);
    high = hn::Max(high, v);
  }
  HWY_ALIGN T lows[HWY_MAX_BYTES / sizeof(T)];
  HWY_ALIGN T highs[HWY_MAX_BYTES / sizeof(T)];
  hn::Store(low, d, lows);
  hn::Store(high, d, highs);
  *least = *std::min_element(lows, lows + lanes);
  *largest = *std::max_element(highs, highs + lanes);
  for (; i < count; ++i) {
    *least = std::min(*least, values[i]);
    *largest = std::max(*largest, values[i]);
  }
}

// The k-th largest of `values`, all of them above `floor`: by bisection.
// REQUIRES: count >= k.
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

// Keeps the k best of the candidates in place: all above the k-th value and the most recent of
// those equal to it.
template <typename T>
void CutToK(TopK<T>& top) {
  if (top.count < top.k) return;
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
  int64_t i = 0;
  for (; i + lanes <= top.count; i += lanes) {
    const auto v = hn::LoadU(d, top.values + i);
    const int64_t ties =
        surplus == 0 ? 0 : static_cast<int64_t>(hn::CountTrue(d, hn::Eq(v, above)));
    if (ties > surplus) break;  // the last ties to drop are among these
    kept.Append(top.values, i, hn::Gt(v, surplus == 0 ? at_least : above), positions);
    surplus -= ties;
  }
  // One at a time: the vector with the last dropped tie, and the end.
  while (i < top.count) {
    const T value = top.values[i];
    const bool drop = value == kth && surplus > 0;
    surplus -= drop;
    kept.AppendIf(value >= kth && !drop, value, top.positions[i]);
    ++i;
    if (surplus > 0) continue;
    for (; i + lanes <= top.count; i += lanes) {
      kept.Append(top.values, i, hn::Gt(hn::LoadU(d, top.values + i), at_least), positions);
    }
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
