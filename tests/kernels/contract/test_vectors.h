// Seeded keys and queries for tests of backends.
#ifndef KVSIFT_TESTS_KERNELS_CONTRACT_TEST_VECTORS_H_
#define KVSIFT_TESTS_KERNELS_CONTRACT_TEST_VECTORS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>
#include <vector>

#include "kernels/estimate/estimator.h"
#include "kernels/format/element.h"
#include "kernels/format/store_format.h"

namespace kvsift {

using Random = std::mt19937;

// Uniform enough, and the same on every standard library. REQUIRES: limit >= 1.
int64_t Below(Random& random, int64_t limit);

// Vectors as a batch takes them, with the bytes they borrow.
struct TestVectors {
  std::vector<std::byte> bytes;
  std::optional<ElementType> raw;
  std::vector<float> scales;  // of 4-bit query codes, else empty
};

// What raw elements look like.
enum class RawKind {
  kOrdinary,  // magnitudes 2^-6 to 2^2
  kHostile,   // some of them any bit pattern: NaN, infinities, subnormals, huge values
};

// A format of `shape` with a key scale between 0.5 and 2 for each (layer, kv head).
StoreFormat RandomFormat(Random& random, const StoreShape& shape);

// Ready key codes for `count` positions of one layer.
TestVectors RandomKeyCodes(Random& random, const StoreShape& shape, int64_t count);

// The same key for every position.
TestVectors RepeatedKeyCode(Random& random, const StoreShape& shape, int64_t count);

// Ready query codes for `tokens` tokens; one 4-bit query in eight is zero with scale 0.
TestVectors RandomQueryCodes(Random& random, const StoreShape& shape, Estimator estimator,
                             int64_t tokens);

// `vectors` raw vectors of head_dim elements.
TestVectors RandomRaw(Random& random, int head_dim, int64_t vectors, ElementType type,
                      RawKind kind);

}  // namespace kvsift

#endif  // KVSIFT_TESTS_KERNELS_CONTRACT_TEST_VECTORS_H_
