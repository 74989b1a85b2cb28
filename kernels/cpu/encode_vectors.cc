#include "kernels/cpu/encode_vectors.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/encode_vectors.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "kernels/cpu/encode_vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace kvsift {
namespace HWY_NAMESPACE {

// Calls Body::Run<type, D>(job) for the element type and D of `job`.
template <class Body, ElementType kType, class Job>
void ForDim(const Job& job) {
  switch (PaddedDim(job.head_dim)) {
    case 32:
      return Body::template Run<kType, 32>(job);
    case 64:
      return Body::template Run<kType, 64>(job);
    case 128:
      return Body::template Run<kType, 128>(job);
    default:
      return Body::template Run<kType, 256>(job);
  }
}

template <class Body, class Job>
void ForTypeAndDim(const Job& job) {
  switch (job.type) {
    case ElementType::kFloat16:
      return ForDim<Body, ElementType::kFloat16>(job);
    case ElementType::kBfloat16:
      return ForDim<Body, ElementType::kBfloat16>(job);
    case ElementType::kFloat32:
      return ForDim<Body, ElementType::kFloat32>(job);
  }
}

void EncodeKeysForTarget(const KeyJob& job) { ForTypeAndDim<KeyEncoder>(job); }
void EncodeQueriesForTarget(const QueryJob& job) { ForTypeAndDim<QueryEncoder>(job); }

}  // namespace HWY_NAMESPACE
}  // namespace kvsift
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace kvsift {

HWY_EXPORT(EncodeKeysForTarget);
HWY_EXPORT(EncodeQueriesForTarget);

namespace {

bool HasGfni() {
#if HWY_ARCH_X86
  return __builtin_cpu_supports("gfni");
#else
  return false;
#endif
}

}  // namespace

void EncodeKeyVectors(const StoreFormat& format, int layer, ElementType type,
                      std::span<const std::byte> keys, std::span<std::byte> codes) {
  const StoreShape& shape = format.shape;
  const KeyJob job{.head_dim = shape.head_dim,
                   .type = type,
                   .key_bits = shape.key_bits,
                   .kv_heads = shape.kv_heads,
                   .thresholds = format.ThresholdsOf(layer, 0).data(),
                   .has_gfni = HasGfni(),
                   .vectors = std::ssize(keys) / (shape.head_dim * ElementBytes(type)),
                   .elements = keys.data(),
                   .codes = codes.data()};
  HWY_DYNAMIC_DISPATCH(EncodeKeysForTarget)(job);
}

void EncodeQueryVectors(int head_dim, int key_bits, Estimator estimator, ElementType type,
                        int64_t vectors, std::span<const std::byte> queries,
                        std::span<std::byte> codes, std::span<float> scales) {
  const QueryJob job{.head_dim = head_dim,
                     .type = type,
                     .key_bits = key_bits,
                     .fine = HasQueryScales(estimator),
                     .vectors = vectors,
                     .elements = queries.data(),
                     .codes = codes.data(),
                     .scales = scales.data()};
  HWY_DYNAMIC_DISPATCH(EncodeQueriesForTarget)(job);
}

}  // namespace kvsift
#endif  // HWY_ONCE
