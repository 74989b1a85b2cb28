#include "tests/gpu/random_load.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <iterator>

namespace kvsift {
namespace {

constexpr int64_t kPoolBytes = int64_t{4} << 20;
constexpr int32_t kLargestK = 20000;

template <typename T, size_t size>
T AnyOf(Random& random, const T (&values)[size]) {
  return values[Below(random, static_cast<int64_t>(size))];
}

// 1 to `largest`, as many between 1 and 2 as between 1000 and 2000.
int64_t LogUniform(Random& random, int64_t largest) {
  const double fraction = static_cast<double>(Below(random, 1 << 20)) / (1 << 20);
  return static_cast<int64_t>(std::pow(static_cast<double>(largest), fraction));
}

}  // namespace

StoreShape RandomShape(Random& random) {
  constexpr int kHeadDims[] = {64, 64, 128, 128, 128, 256, 1, 31, 32, 33, 80, 96, 192};
  constexpr int kKvHeads[] = {1, 1, 2, 3, 4, 8};
  constexpr int kGroups[] = {1, 2, 3, 4, 7, 8, 8, 9, 16};
  constexpr int kKeyBits[] = {2, 2, 2, 1, 3};
  const int kv_heads = AnyOf(random, kKvHeads);
  return {.layers = static_cast<int>(1 + Below(random, 3)),
          .kv_heads = kv_heads,
          .query_heads = kv_heads * AnyOf(random, kGroups),
          .head_dim = Below(random, 4) == 0 ? static_cast<int>(1 + Below(random, kMaxHeadDim))
                                            : AnyOf(random, kHeadDims),
          .key_bits = AnyOf(random, kKeyBits)};
}

int RandomPagePositions(Random& random) { return 16 << Below(random, 7); }

int64_t RandomLength(Random& random, int64_t longest) {
  int64_t length = LogUniform(random, longest);
  if (Below(random, 2) == 0) {
    const int64_t unit = int64_t{16} << Below(random, 11);
    length = std::max(unit, length / unit * unit) + Below(random, 3) - 1;
  }
  return std::clamp<int64_t>(length, 1, longest);
}

Policy RandomPolicy(Random& random, int64_t length) {
  constexpr int32_t kEdges[] = {1,   2,   15,  16,   17,   31,   32,   33,   63,   64,  65,
                                255, 256, 257, 1023, 1024, 1025, 4095, 4096, 4097, 8192};
  Policy policy{.k = Below(random, 2) == 0 ? AnyOf(random, kEdges)
                                           : static_cast<int32_t>(LogUniform(random, kLargestK)),
                .estimator = static_cast<Estimator>(Below(random, 4)),
                .grouping = static_cast<Grouping>(Below(random, 5))};
  if (Below(random, 8) == 0) {  // as many as there are, give or take one
    policy.k =
        static_cast<int32_t>(std::clamp<int64_t>(length + Below(random, 3) - 1, 1, kLargestK));
  }
  if (Below(random, 2) == 0) {
    policy.sinks = static_cast<int32_t>(Below(random, policy.k + 1));
    policy.window = static_cast<int32_t>(Below(random, policy.k - policy.sinks + 1));
  }
  return policy;
}

TestVectors RandomRawVectors(Random& random, const StoreShape& shape, int64_t vectors) {
  const RawKind kind = Below(random, 3) == 0 ? RawKind::kHostile : RawKind::kOrdinary;
  return RandomRaw(random, shape.head_dim, vectors, static_cast<ElementType>(Below(random, 3)),
                   kind);
}

KeyPool::KeyPool(Random& random) : bytes_(kPoolBytes) {
  for (size_t i = 0; i < bytes_.size(); i += sizeof(uint32_t)) {
    const uint32_t word = random();
    std::memcpy(&bytes_[i], &word, sizeof word);
  }
}

TestVectors KeyPool::Codes(Random& random, const StoreShape& shape, int64_t count) const {
  const int64_t key_bytes = shape.key_bytes_per_position();
  const bool ties = Below(random, 4) == 0;
  const int64_t piece_positions =
      ties ? 1 : std::max<int64_t>(1, std::min(count, (64 << 10) / key_bytes));
  const int64_t distinct = ties ? 1 + Below(random, 6) : kPoolBytes;
  const int64_t first = Below(random, kPoolBytes / 2);
  TestVectors keys;
  keys.bytes.resize(static_cast<size_t>(count * key_bytes));
  for (int64_t at = 0; at < count; at += piece_positions) {
    const int64_t bytes = std::min(piece_positions, count - at) * key_bytes;
    const int64_t from =
        ties ? first + Below(random, distinct) * key_bytes : Below(random, kPoolBytes - bytes + 1);
    std::memcpy(keys.bytes.data() + at * key_bytes, bytes_.data() + from,
                static_cast<size_t>(bytes));
  }
  return keys;
}

}  // namespace kvsift
