// EncodeKeys and EncodeQueries (encode/encode.h) with vector instructions: the same bits.
#ifndef KVSIFT_KERNELS_CPU_ENCODE_VECTORS_H_
#define KVSIFT_KERNELS_CPU_ENCODE_VECTORS_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "kernels/estimate/estimator.h"
#include "kernels/format/element.h"
#include "kernels/format/store_format.h"

namespace kvsift {

// As EncodeKeys. REQUIRES: CheckCpuBackend() is OK.
void EncodeKeyVectors(const StoreFormat& format, int layer, ElementType type,
                      std::span<const std::byte> keys, std::span<std::byte> codes);

// As EncodeQueries. REQUIRES: CheckCpuBackend() is OK.
void EncodeQueryVectors(int head_dim, int key_bits, Estimator estimator, ElementType type,
                        int64_t vectors, std::span<const std::byte> queries,
                        std::span<std::byte> codes, std::span<float> scales);

}  // namespace kvsift

#endif  // KVSIFT_KERNELS_CPU_ENCODE_VECTORS_H_
