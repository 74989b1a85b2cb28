// Vectors to codes: rotation, bucketisation, packing. Bit-exact on every machine.
//
// The rotation is the unnormalised Hadamard transform of length D in float32 (arXiv 2510.18413,
// section 3; orthonormal there): queries and keys rotated alike keep their dot products up to the
// factor D, and outliers spread over all coordinates, which makes two bits enough.
//
// EncodeKeys and EncodeQueries use the fastest implementation for this machine; every one gives
// the bytes of the portable functions in encode/rotation.h and encode/vector_codes.h.
#ifndef KVSIFT_KERNELS_ENCODE_ENCODE_H_
#define KVSIFT_KERNELS_ENCODE_ENCODE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "kernels/estimate/estimator.h"
#include "kernels/format/element.h"
#include "kernels/format/store_format.h"

namespace kvsift {

// Encodes raw keys [tokens, kv_heads, head_dim] of layer `layer` into wire codes
// [tokens, kv_heads, planes, D/32]. Any element value is allowed; a comparison with NaN is false.
// REQUIRES: format.has_key_scales() and sizes match.
void EncodeKeys(const StoreFormat& format, int layer, ElementType type,
                std::span<const std::byte> keys, std::span<std::byte> codes);

// Encodes `vectors` raw query vectors [vectors, head_dim] into wire codes
// [vectors, QueryPlanes, D/32] and, for estimators with query scales, their scales [vectors]
// (else `scales` is empty). Queries need no key scale: they are cut by their own size.
void EncodeQueries(int head_dim, int key_bits, Estimator estimator, ElementType type,
                   int64_t vectors, std::span<const std::byte> queries, std::span<std::byte> codes,
                   std::span<float> scales);

// Index of the first element that is not finite or exceeds 2^32 in magnitude, or -1.
int64_t FirstInvalidElement(ElementType type, std::span<const std::byte> elements);

// Key scales of one layer [kv_heads] from raw keys [tokens, kv_heads, head_dim]:
// float32(sqrt(S / (double(D) * tokens * D))), S the sum of squares of the unnormalised rotated
// coordinates in (position, dimension) order, in double.
// Errors: INVALID_ARGUMENT, naming the head, if there are no tokens or a scale is out of range.
absl::StatusOr<std::vector<float>> CalibrateKeyScales(int head_dim, int kv_heads, int64_t tokens,
                                                      ElementType type,
                                                      std::span<const std::byte> keys);

}  // namespace kvsift

#endif  // KVSIFT_KERNELS_ENCODE_ENCODE_H_
