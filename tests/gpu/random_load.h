// Shapes, lengths, keys, queries and policies that nobody chose by hand, with a bias to where code
// breaks: edges of tiles, pages and powers of two, ties, extremes of k.
#ifndef KVSIFT_TESTS_GPU_RANDOM_LOAD_H_
#define KVSIFT_TESTS_GPU_RANDOM_LOAD_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/format/page_layout.h"
#include "kernels/format/store_format.h"
#include "kernels/select/policy.h"
#include "tests/kernels/contract/test_vectors.h"

namespace kvsift {

StoreShape RandomShape(Random& random);

// 16 to 1024, a power of two.
int RandomPagePositions(Random& random);

// 1 to `longest`, log-uniform; half of them beside a multiple of a power of two.
int64_t RandomLength(Random& random, int64_t longest);

// A valid policy for a row that sees up to `length` positions.
Policy RandomPolicy(Random& random, int64_t length);

// Raw vectors of any element type, some of them hostile.
TestVectors RandomRawVectors(Random& random, const StoreShape& shape, int64_t vectors);

// Key codes cut from random bytes that are made once, because making hundreds of megabytes takes
// longer than scoring them.
class KeyPool {
 public:
  explicit KeyPool(Random& random);

  // Codes of `count` positions: all random, or of so few distinct keys that most scores tie.
  TestVectors Codes(Random& random, const StoreShape& shape, int64_t count) const;

 private:
  std::vector<std::byte> bytes_;
};

}  // namespace kvsift

#endif  // KVSIFT_TESTS_GPU_RANDOM_LOAD_H_
