// The encoders of keys and queries, a vector at a time; keys in groups where that is faster.
#if defined(KVSIFT_CPU_ENCODE_VECTORS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef KVSIFT_CPU_ENCODE_VECTORS_INL_H_
#undef KVSIFT_CPU_ENCODE_VECTORS_INL_H_
#else
#define KVSIFT_CPU_ENCODE_VECTORS_INL_H_
#endif

#include <algorithm>
#include <cmath>
#include <cstring>

#include "kernels/cpu/encode_groups-inl.h"
#include "kernels/cpu/encode_job.h"
#include "kernels/cpu/rotate-inl.h"
#include "kernels/format/code_shape.h"
#include "kernels/format/quantizer.h"

HWY_BEFORE_NAMESPACE();
namespace kvsift {
namespace HWY_NAMESPACE {

// Loads vector `v` of `elements` and rotates it.
template <ElementType kType, int kDim>
HWY_INLINE void LoadRotated(const std::byte* elements, int head_dim, int64_t v,
                            Registers<kDim>& x) {
  const std::byte* from = elements + v * head_dim * ElementBytes(kType);
  HWY_ALIGN std::byte padded[kDim * ElementBytes(kType)];
  if (head_dim != kDim) {
    // All zero bits are 0 in each type.
    std::memset(padded, 0, sizeof padded);
    std::memcpy(padded, from, static_cast<size_t>(head_dim * ElementBytes(kType)));
    from = padded;
  }
  for (int i = 0; i < kDim / kFloatLanes; ++i) x[i] = LoadFloats<kType>(from, i * kFloatLanes);
  RotateRegisters<kDim>(x);
}

struct KeyEncoder {
  // Encodes as many of the first vectors as a faster loop takes; returns how many.
  template <ElementType kType, int kDim, int kBits>
  static int64_t EncodeFirst([[maybe_unused]] const KeyJob& job) {
#if HWY_TARGET == HWY_AVX3_DL
    if constexpr (kEncodesGroups<kType, kDim>) {
      if (job.has_gfni) return EncodeGroups<kType, kDim, kBits>(job);
    }
#endif
    return 0;
  }

  template <ElementType kType, int kDim, int kBits>
  static void Encode(const KeyJob& job) {
    constexpr int kThresholds = (1 << kBits) - 1;
    // Copies: the compiler must assume that codes are written over the job.
    const KeyJob copy = job;
    const int64_t first = EncodeFirst<kType, kDim, kBits>(job);
    for (int64_t start = first; start < std::min(first + copy.kv_heads, copy.vectors); ++start) {
      const int64_t kv_head = start % copy.kv_heads;
      const Thresholds<kBits> thresholds(copy.thresholds + kv_head * kThresholds);
      for (int64_t v = start; v < copy.vectors; v += copy.kv_heads) {
        Registers<kDim> x;
        LoadRotated<kType, kDim>(copy.elements, copy.head_dim, v, x);
        WriteKeyPlanes<kDim, kBits>(x, thresholds, copy.codes + v * kBits * kDim / 8);
      }
    }
  }

  template <ElementType kType, int kDim>
  static void Run(const KeyJob& job) {
    if (job.key_bits == 1) return Encode<kType, kDim, 1>(job);
    if (job.key_bits == 2) return Encode<kType, kDim, 2>(job);
    return Encode<kType, kDim, 3>(job);
  }
};

struct QueryEncoder {
  // The root mean square, added up in the order of semantics.md: halves, quarters, ...
  template <int kDim>
  static HWY_INLINE float RootMeanSquare(const Registers<kDim>& x) {
    constexpr int kRegisters = kDim / kFloatLanes;
    Registers<kDim> s;
    for (int i = 0; i < kRegisters; ++i) s[i] = hn::Mul(x[i], x[i]);
    for (int width = kRegisters / 2; width > 0; width /= 2) {
      for (int i = 0; i < width; ++i) s[i] = hn::Add(s[i], s[i + width]);
    }
    if constexpr (kFloatLanes >= 16) s[0] = hn::Add(s[0], SwapLanes<8>(s[0]));
    if constexpr (kFloatLanes >= 8) s[0] = hn::Add(s[0], SwapLanes<4>(s[0]));
    s[0] = hn::Add(s[0], SwapLanes<2>(s[0]));
    s[0] = hn::Add(s[0], SwapLanes<1>(s[0]));
    return std::sqrt(hn::GetLane(s[0]) / static_cast<float>(kDim));
  }

  // The largest magnitude, starting from 0; NaN exceeds nothing.
  template <int kDim>
  static HWY_INLINE float LargestMagnitude(const Registers<kDim>& x) {
    const Floats d;
    VF largest = hn::Zero(d);
    for (int i = 0; i < kDim / kFloatLanes; ++i) {
      const VF magnitude = hn::Abs(x[i]);
      largest = hn::IfThenElse(hn::Gt(magnitude, largest), magnitude, largest);
    }
    HWY_ALIGN float lanes[kFloatLanes];
    hn::Store(largest, d, lanes);
    return *std::max_element(lanes, lanes + kFloatLanes);
  }

  template <int kDim>
  static float EncodeFine(const Registers<kDim>& x, std::byte* code) {
    const Floats d;
    const hn::RebindToSigned<Floats> di;
    const float largest = LargestMagnitude<kDim>(x);
    if (largest < kSmallestFineComponent) {
      std::memset(code, 0, kFineQueryBits * kDim / 8);
      return 0;
    }
    const float scale = largest / static_cast<float>(kFineQueryMax);
    for (int i = 0; i < kDim / kFloatLanes; ++i) {
      const VF q = hn::Round(hn::Div(x[i], hn::Set(d, scale)));
      const auto codes = hn::ConvertTo(di, hn::IfThenElseZero(hn::Eq(q, q), q));
      for (int p = 0; p < kFineQueryBits; ++p) {
        const auto bit = hn::TestBit(codes, hn::Set(di, 1 << p));
        PlaneWriter(code + p * kDim / 8).Write(i, hn::RebindMask(d, bit));
      }
    }
    return scale;
  }

  template <int kDim, int kBits>
  static void EncodeCoarse(const Registers<kDim>& x, std::byte* code) {
    const float scale = RootMeanSquare<kDim>(x);
    float thresholds[(1 << kBits) - 1];
    const auto multiples = ThresholdMultiples(kBits);
    for (size_t t = 0; t < multiples.size(); ++t) {
      thresholds[t] = static_cast<float>(multiples[t]) * scale;
    }
    WriteKeyPlanes<kDim, kBits>(x, Thresholds<kBits>(thresholds), code);
  }

  template <ElementType kType, int kDim>
  static void Run(const QueryJob& job) {
    const int planes = job.fine ? kFineQueryBits : job.key_bits;
    for (int64_t v = 0; v < job.vectors; ++v) {
      Registers<kDim> x;
      LoadRotated<kType, kDim>(job.elements, job.head_dim, v, x);
      std::byte* code = job.codes + v * planes * kDim / 8;
      if (job.fine) {
        job.scales[v] = EncodeFine<kDim>(x, code);
      } else if (job.key_bits == 1) {
        EncodeCoarse<kDim, 1>(x, code);
      } else if (job.key_bits == 2) {
        EncodeCoarse<kDim, 2>(x, code);
      } else {
        EncodeCoarse<kDim, 3>(x, code);
      }
    }
  }
};

}  // namespace HWY_NAMESPACE
}  // namespace kvsift
HWY_AFTER_NAMESPACE();

#endif
