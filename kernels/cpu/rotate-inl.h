// A vector of D elements in registers: loaded, rotated, cut into bits.
#if defined(KVSIFT_CPU_ROTATE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef KVSIFT_CPU_ROTATE_INL_H_
#undef KVSIFT_CPU_ROTATE_INL_H_
#else
#define KVSIFT_CPU_ROTATE_INL_H_
#endif

#include <cstddef>
#include <cstdint>

#include "hwy/highway.h"
#include "kernels/cpu/target-inl.h"
#include "kernels/format/element.h"

HWY_BEFORE_NAMESPACE();
namespace kvsift {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Floats = hn::CappedTag<float, 16>;
using VF = hn::Vec<Floats>;
inline constexpr int kFloatLanes = HWY_MAX_BYTES >= 64 ? 16 : HWY_MAX_BYTES / 4;

// The elements of one vector, D / kFloatLanes registers.
template <int kDim>
using Registers = VF[kDim / kFloatLanes];

// Floats of elements [i, i + kFloatLanes). Both 16-bit types are exact in float32, subnormals
// included.
template <ElementType kType>
HWY_INLINE VF LoadFloats(const std::byte* elements, int i) {
  const Floats d;
  if constexpr (kType == ElementType::kFloat32) {
    return hn::LoadU(d, reinterpret_cast<const float*>(elements) + i);
  } else if constexpr (kType == ElementType::kBfloat16) {
    const hn::Rebind<uint16_t, Floats> d16;
    const hn::Rebind<uint32_t, Floats> d32;
    const auto bits = hn::LoadU(d16, reinterpret_cast<const uint16_t*>(elements) + i);
    return hn::BitCast(d, hn::ShiftLeft<16>(hn::PromoteTo(d32, bits)));
  } else {
#if HWY_TARGET == HWY_SSE4
    // No conversion instruction, and Highway's own does not keep infinities and NaN.
    HWY_ALIGN float floats[kFloatLanes];
    for (int j = 0; j < kFloatLanes; ++j) {
      floats[j] = LoadElement(elements + 2 * (i + j), ElementType::kFloat16);
    }
    return hn::Load(d, floats);
#else
    const hn::Rebind<hwy::float16_t, Floats> d16;
    const auto halves = hn::LoadU(d16, reinterpret_cast<const hwy::float16_t*>(elements) + i);
    return hn::PromoteTo(d, halves);
#endif
  }
}

// Lane j of the result is lane j ^ kStride of `v`.
template <int kStride>
HWY_INLINE VF SwapLanes(VF v) {
  if constexpr (kStride == 1) return hn::Shuffle2301(v);
  if constexpr (kStride == 2) return hn::Shuffle1032(v);
#if HWY_MAX_BYTES >= 64
  if constexpr (kStride == 4) return hn::SwapAdjacentBlocks(v);
#endif
#if HWY_MAX_BYTES >= 32
  if constexpr (kStride * 2 == kFloatLanes) return hn::ConcatLowerUpper(Floats(), v, v);
#endif
  return v;
}

// 1 in the lanes whose index has bit kStride clear, else -1.
template <int kStride>
HWY_INLINE VF Signs() {
  HWY_ALIGN float signs[kFloatLanes];
  for (int j = 0; j < kFloatLanes; ++j) signs[j] = (j & kStride) == 0 ? 1.0f : -1.0f;
  return hn::Load(Floats(), signs);
}

// Butterflies between lanes of a register: x * 1 + b, and b * -1 + a, where the product is exact
// and so the sum is rounded once, as in (a + b, a - b). Multiply-adds and additions go to
// different units.
template <int kDim, int kStride>
HWY_INLINE void RotateWithin(Registers<kDim>& x) {
  const VF signs = Signs<kStride>();
  for (VF& v : x) v = hn::MulAdd(v, signs, SwapLanes<kStride>(v));
}

// The rotation of encode/rotation.h: the same strides in the same order.
template <int kDim>
HWY_INLINE void RotateRegisters(Registers<kDim>& x) {
  RotateWithin<kDim, 1>(x);
  RotateWithin<kDim, 2>(x);
  if constexpr (kFloatLanes >= 8) RotateWithin<kDim, 4>(x);
  if constexpr (kFloatLanes >= 16) RotateWithin<kDim, 8>(x);
  constexpr int kRegisters = kDim / kFloatLanes;
  for (int stride = 1; stride < kRegisters; stride *= 2) {
    for (int i = 0; i < kRegisters; ++i) {
      if ((i & stride) != 0) continue;
      const VF a = x[i];
      const VF b = x[i + stride];
      x[i] = hn::Add(a, b);
      x[i + stride] = hn::Sub(a, b);
    }
  }
}

// A plane of a code as its words are written: bit i of a register's mask is dimension
// register * kFloatLanes + i.
class PlaneWriter {
 public:
  explicit PlaneWriter(std::byte* plane) : plane_(plane) {}

  HWY_INLINE void Write(int index, hn::Mask<Floats> mask) {
#if HWY_TARGET <= HWY_AVX3 && HWY_ARCH_X86
    const uint16_t bits = static_cast<uint16_t>(mask.raw);
    hwy::CopyBytes<2>(&bits, plane_ + 2 * index);
#else
    uint8_t bytes[8] = {};
    hn::StoreMaskBits(Floats(), mask, bytes);
    if (kFloatLanes == 8) {
      plane_[index] = static_cast<std::byte>(bytes[0]);
    } else if (index % 2 == 0) {
      plane_[index / 2] = static_cast<std::byte>(bytes[0]);
    } else {
      plane_[index / 2] |= static_cast<std::byte>(bytes[0] << 4);
    }
#endif
  }

 private:
  std::byte* plane_;
};

// Thresholds, ascending: those of one (layer, kv head) in all lanes, or those of each lane's own.
template <int kBits>
struct Thresholds {
  VF above[(1 << kBits) - 1];

  Thresholds() = default;
  explicit Thresholds(const float* thresholds) {
    for (int t = 0; t < (1 << kBits) - 1; ++t) above[t] = hn::Set(Floats(), thresholds[t]);
  }
};

// Calls write(plane, mask) with the planes of codes that count how many ascending thresholds a
// coordinate of `x` exceeds, by bisection: a compare and a choice of the next threshold per plane,
// the highest first. NaN exceeds nothing on the way, so its code is 0.
template <int kBits, class Write>
HWY_INLINE void CutIntoPlanes(VF x, const Thresholds<kBits>& thresholds, const Write& write) {
  const auto& above = thresholds.above;
  const auto top = hn::Gt(x, above[(1 << kBits) / 2 - 1]);
  write(kBits - 1, top);
  if constexpr (kBits == 2) {
    write(0, hn::Gt(x, hn::IfThenElse(top, above[2], above[0])));
  } else if constexpr (kBits == 3) {
    const auto middle = hn::Gt(x, hn::IfThenElse(top, above[5], above[1]));
    write(1, middle);
    const VF high = hn::IfThenElse(middle, above[6], above[4]);
    const VF low = hn::IfThenElse(middle, above[2], above[0]);
    write(0, hn::Gt(x, hn::IfThenElse(top, high, low)));
  }
}

template <int kDim, int kBits>
HWY_INLINE void WriteKeyPlanes(const Registers<kDim>& x, const Thresholds<kBits>& thresholds,
                               std::byte* code) {
  for (int i = 0; i < kDim / kFloatLanes; ++i) {
    CutIntoPlanes<kBits>(x[i], thresholds, [code, i](int plane, hn::Mask<Floats> mask) HWY_ATTR {
      PlaneWriter(code + plane * kDim / 8).Write(i, mask);
    });
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace kvsift
HWY_AFTER_NAMESPACE();

#endif
