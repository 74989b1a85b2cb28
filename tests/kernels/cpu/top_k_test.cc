#include "kernels/cpu/top_k.h"

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <span>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/kernels/contract/test_vectors.h"
#include "tests/kernels/cpu/forced_target.h"

namespace kvsift {
namespace {

constexpr int32_t kFirst = 7;  // position of the first value

// Streams that are hard in different ways: few or no ties, nothing but ties, every value better
// than all before, every value worse, half of them at the floor.
enum class Stream { kRandom, kEqual, kAscending, kDescending, kFewValues };

template <typename T>
std::vector<T> MakeStream(Random& random, Stream stream, int count) {
  std::vector<T> values;
  for (int i = 0; i < count; ++i) {
    switch (stream) {
      case Stream::kRandom:
        values.push_back(static_cast<T>(Below(random, 2001) - 1000));
        break;
      case Stream::kEqual:
        values.push_back(5);
        break;
      case Stream::kAscending:
        values.push_back(static_cast<T>(i));
        break;
      case Stream::kDescending:
        values.push_back(static_cast<T>(-i));
        break;
      case Stream::kFewValues:
        values.push_back(static_cast<T>(Below(random, 3)));
        break;
    }
  }
  return values;
}

// Positions of the k best by a full sort, ascending.
template <typename T>
std::vector<int32_t> SortedBest(const std::vector<T>& values, int64_t k) {
  std::vector<int32_t> order(values.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](int32_t a, int32_t b) {
    const T value_a = values[static_cast<size_t>(a)];
    const T value_b = values[static_cast<size_t>(b)];
    return value_a != value_b ? value_a > value_b : a > b;
  });
  order.resize(std::min(order.size(), static_cast<size_t>(k)));
  std::sort(order.begin(), order.end());
  for (int32_t& position : order) position += kFirst;
  return order;
}

template <typename T>
void Feed(TopK<T>& top, const std::vector<T>& values, size_t piece, bool listed) {
  std::vector<int32_t> positions(values.size());
  std::iota(positions.begin(), positions.end(), kFirst);
  for (size_t begin = 0; begin < values.size(); begin += piece) {
    const size_t count = std::min(piece, values.size() - begin);
    const auto part = std::span<const T>(values).subspan(begin, count);
    if constexpr (sizeof(T) != 4) {
      if (!listed) {
        Consume(top, part, kFirst + static_cast<int64_t>(begin));
        continue;
      }
    }
    Consume(top, part, std::span<const int32_t>(positions).subspan(begin, count));
  }
  Finish(top);
}

template <typename T>
void CheckStream(Random& random, Stream stream, int count, int64_t k) {
  const auto values = MakeStream<T>(random, stream, count);
  const auto want = SortedBest(values, k);
  for (const size_t piece : {size_t{100}, size_t{2048}}) {
    for (const bool listed : {false, true}) {
      const auto capacity = static_cast<size_t>(TopKCapacity(k));
      std::vector<T> kept_values(capacity);
      std::vector<int32_t> kept_positions(capacity);
      TopK<T> top{.values = kept_values.data(),
                  .positions = kept_positions.data(),
                  .capacity = TopKCapacity(k),
                  .k = k};
      Feed(top, values, piece, listed);
      ASSERT_EQ(std::vector<int32_t>(top.kept().begin(), top.kept().end()), want)
          << "stream " << static_cast<int>(stream) << " count " << count << " k " << k;
      for (int64_t i = 0; i < top.count; ++i) {
        const auto at = static_cast<size_t>(top.positions[i] - kFirst);
        ASSERT_EQ(top.values[i], values[at]);
      }
    }
  }
}

template <typename T>
void CheckStreams() {
  Random random(1);
  for (const Stream stream : {Stream::kRandom, Stream::kEqual, Stream::kAscending,
                              Stream::kDescending, Stream::kFewValues}) {
    for (const int count : {1, 15, 16, 33, 511, 513, 5000}) {
      for (const int64_t k : {1, 15, 16, 256, 257, 1000, 6000}) {
        CheckStream<T>(random, stream, count, k);
      }
    }
  }
}

class TopKTest : public ForcedTargetTest {};

TEST_P(TopKTest, KeepsTheBestOf16BitValues) { CheckStreams<int16_t>(); }
TEST_P(TopKTest, KeepsTheBestOf32BitValues) { CheckStreams<int32_t>(); }
TEST_P(TopKTest, KeepsTheBestOf64BitValues) { CheckStreams<int64_t>(); }

INSTANTIATE_TEST_SUITE_P(Targets, TopKTest, testing::ValuesIn(AvailableTargets()), TargetName);

}  // namespace
}  // namespace kvsift
