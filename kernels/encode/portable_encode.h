// Whole messages of vectors to codes, one vector and one coordinate at a time: the bytes that
// EncodeKeys and EncodeQueries (encode/encode.h, where the arguments are described) give too.
// The reference backend encodes with these and nothing else.
#ifndef KVSIFT_KERNELS_ENCODE_PORTABLE_ENCODE_H_
#define KVSIFT_KERNELS_ENCODE_PORTABLE_ENCODE_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "kernels/estimate/estimator.h"
#include "kernels/format/element.h"
#include "kernels/format/store_format.h"

namespace kvsift {

void EncodeKeysPortably(const StoreFormat& format, int layer, ElementType type,
                        std::span<const std::byte> keys, std::span<std::byte> codes);

void EncodeQueriesPortably(int head_dim, int key_bits, Estimator estimator, ElementType type,
                           int64_t vectors, std::span<const std::byte> queries,
                           std::span<std::byte> codes, std::span<float> scales);

}  // namespace kvsift

#endif  // KVSIFT_KERNELS_ENCODE_PORTABLE_ENCODE_H_
