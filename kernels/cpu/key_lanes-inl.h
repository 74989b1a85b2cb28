// Keys of 16-bit elements in the lanes of registers: a register holds one dimension of 8 or 16
// keys, so that every butterfly of the rotation is between registers and needs no shuffle.
// Transposing is cheap while the elements still have 16 bits: 12 shuffles of 512 bits for a key of
// 128 dimensions, where shuffling its floats between butterflies takes 32.
#if defined(KVSIFT_CPU_KEY_LANES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef KVSIFT_CPU_KEY_LANES_INL_H_
#undef KVSIFT_CPU_KEY_LANES_INL_H_
#else
#define KVSIFT_CPU_KEY_LANES_INL_H_
#endif

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "kernels/cpu/rotate-inl.h"
#include "kernels/format/element.h"

#if HWY_TARGET == HWY_AVX3_DL
HWY_BEFORE_NAMESPACE();
namespace kvsift {
namespace HWY_NAMESPACE {

inline constexpr int kGroupKeys = 16;  // lanes of a register of floats
inline constexpr int kBlockKeys = 8;   // 16-bit elements in 128 bits
inline constexpr int kBlockDims = 32;  // of one key, in a register
inline constexpr int kUnitDims = 8;  // of a block, in one of the 128-bit quarters of its registers
inline constexpr int kBlockUnits = kBlockDims / kUnitDims;

using Halves = hn::ScalableTag<uint16_t>;
using VH = hn::Vec<Halves>;
using EightFloats = hn::CappedTag<float, kBlockKeys>;
using VE = hn::Vec<EightFloats>;

// 8 keys x 32 dimensions: dimension unit * 8 + j of the keys is halves[j][unit].
struct KeyBlock {
  alignas(64) uint16_t halves[kUnitDims][kBlockUnits][kBlockKeys];
};

// 1 in every lane, which the compiler must not know: it would turn multiply-adds, which other
// units execute, into the additions that they stand for.
template <class D>
HWY_INLINE hn::Vec<D> HiddenOne(D d) {
  auto one = hn::Set(d, 1.0f);
  __asm__("" : "+v"(one.raw));
  return one;
}

// Interleaves the lanes of each two rows that are kDistance apart, in 128-bit quarters.
template <class Lane, int kDistance>
HWY_INLINE void InterleaveRows(VH (&rows)[kBlockKeys]) {
  const hn::Repartition<Lane, Halves> d;
  HWY_UNROLL(8)
  for (int i = 0; i < kBlockKeys; ++i) {
    if ((i & kDistance) != 0) continue;
    const auto a = hn::BitCast(d, rows[i]);
    const auto b = hn::BitCast(d, rows[i + kDistance]);
    rows[i] = hn::BitCast(Halves(), hn::InterleaveLower(d, a, b));
    rows[i + kDistance] = hn::BitCast(Halves(), hn::InterleaveUpper(d, a, b));
  }
}

// Loads elements [first_dim, first_dim + 32) of 8 keys of `head_dim` elements from `keys` on, with
// zeros where a key has ended.
HWY_INLINE void LoadRows(const std::byte* keys, int head_dim, int first_dim,
                         VH (&rows)[kBlockKeys]) {
  const int dims = std::clamp(head_dim - first_dim, 0, kBlockDims);
  const uint16_t* row = reinterpret_cast<const uint16_t*>(keys) + first_dim;
  if (dims == kBlockDims) {
    HWY_UNROLL(8)
    for (int i = 0; i < kBlockKeys; ++i) rows[i] = hn::LoadU(Halves(), row + i * head_dim);
  } else {
    // A load through an empty mask would still compute an address beyond the last key.
    const auto mask = hn::FirstN(Halves(), static_cast<size_t>(dims));
    if (dims == 0) row = reinterpret_cast<const uint16_t*>(keys);
    HWY_UNROLL(8)
    for (int i = 0; i < kBlockKeys; ++i) {
      rows[i] = hn::MaskedLoad(mask, Halves(), row + i * head_dim);
    }
  }
}

HWY_INLINE void TransposeBlock(const std::byte* keys, int head_dim, int first_dim,
                               KeyBlock& block) {
  VH rows[kBlockKeys];
  LoadRows(keys, head_dim, first_dim, rows);
  InterleaveRows<uint16_t, 1>(rows);
  InterleaveRows<uint32_t, 2>(rows);
  InterleaveRows<uint64_t, 4>(rows);
  // The highest bit of a dimension was decided first: rows are in the order of reversed bits.
  constexpr int kReversed[kUnitDims] = {0, 4, 2, 6, 1, 5, 3, 7};
  HWY_UNROLL(8)
  for (int i = 0; i < kUnitDims; ++i) {
    hn::Store(rows[i], Halves(), &block.halves[kReversed[i]][0][0]);
  }
}

template <ElementType kType>
HWY_INLINE VE LoadEight(const uint16_t* elements) {
  const EightFloats d;
  if constexpr (kType == ElementType::kBfloat16) {
    const hn::Rebind<uint32_t, EightFloats> d32;
    const auto bits = hn::Load(hn::Rebind<uint16_t, EightFloats>(), elements);
    return hn::BitCast(d, hn::ShiftLeft<16>(hn::PromoteTo(d32, bits)));
  } else {
    const hn::Rebind<hwy::float16_t, EightFloats> d16;
    return hn::PromoteTo(d, hn::Load(d16, reinterpret_cast<const hwy::float16_t*>(elements)));
  }
}

// Butterflies of strides 1, 2 and 4 of one unit of `block`. `to` is [kBlockDims, kGroupKeys], of
// which it writes the unit's dimensions in the lanes of 8 keys. Conversions and additions share
// units, so the sums are multiply-adds: a * 1 + b is rounded once, as a + b is.
template <ElementType kType>
HWY_INLINE void RotateUnit(const KeyBlock& block, int unit, VE one, float* to) {
  VE x[kUnitDims];
  HWY_UNROLL(8)
  for (int j = 0; j < kUnitDims; ++j) x[j] = LoadEight<kType>(block.halves[j][unit]);
  HWY_UNROLL(3)
  for (int stride = 1; stride < kUnitDims; stride *= 2) {
    HWY_UNROLL(8)
    for (int j = 0; j < kUnitDims; ++j) {
      if ((j & stride) != 0) continue;
      const VE a = x[j];
      const VE b = x[j + stride];
      x[j] = hn::MulAdd(a, one, b);
      x[j + stride] = hn::MulSub(a, one, b);
    }
  }
  to += unit * kUnitDims * kGroupKeys;
  HWY_UNROLL(8)
  for (int j = 0; j < kUnitDims; ++j) hn::Store(x[j], EightFloats(), to + j * kGroupKeys);
}

// Dimensions j, j + 8, j + 16, ... of a group, rotated from stride 8 on, four registers at a time
// so that other work can stand in between.
template <int kDim>
struct Column {
  static constexpr int kRegisters = kDim / kUnitDims;
  static constexpr int kQuads = kRegisters / 4;
  static_assert(kRegisters == 8 || kRegisters == 16);

  VF x[kRegisters];

  static HWY_INLINE void Butterfly(VF& a, VF& b) {
    const VF sum = hn::Add(a, b);
    b = hn::Sub(a, b);
    a = sum;
  }

  // `from` is dimension j of floats [kDim, kGroupKeys].
  HWY_INLINE void LoadQuad(const float* from, int quad) {
    VF* y = x + 4 * quad;
    HWY_UNROLL(4)
    for (int i = 0; i < 4; ++i) {
      y[i] = hn::Load(Floats(), from + (4 * quad + i) * kUnitDims * kGroupKeys);
    }
    Butterfly(y[0], y[1]);
    Butterfly(y[2], y[3]);
    Butterfly(y[0], y[2]);
    Butterfly(y[1], y[3]);
  }

  HWY_INLINE void JoinQuads(int quad) {
    HWY_UNROLL(4)
    for (int i = 4 * quad; i < 4 * quad + 4; ++i) Butterfly(x[i], x[i + 4]);
  }

  // Calls take(dimension - j, coordinates) for each dimension after its last butterfly.
  template <class Take>
  HWY_INLINE void Finish(const Take& take) {
    constexpr int kHalf = kRegisters / 2;
    HWY_UNROLL(8)
    for (int i = 0; i < kHalf; ++i) {
      // 8 registers were joined by JoinQuads(0).
      if constexpr (kRegisters == 16) Butterfly(x[i], x[i + kHalf]);
      take(i * kUnitDims, x[i]);
      take((i + kHalf) * kUnitDims, x[i + kHalf]);
    }
  }
};

}  // namespace HWY_NAMESPACE
}  // namespace kvsift
HWY_AFTER_NAMESPACE();
#endif  // HWY_TARGET == HWY_AVX3_DL

#endif
