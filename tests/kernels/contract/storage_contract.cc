// Keys in pages: what was written comes back, wherever it lies.
#include <cstdint>
#include <vector>

#include "gtest/gtest.h"
#include "tests/kernels/contract/contract.h"
#include "tests/kernels/contract/test_vectors.h"
#include "tests/kernels/contract/twin.h"

namespace kvsift {
namespace {

class StorageContract : public BackendContract {
 protected:
  static TestVectors Slice(const TestVectors& keys, const StoreShape& shape, int64_t first,
                           int64_t count) {
    const int64_t each = shape.key_bytes_per_position();
    const auto begin = keys.bytes.begin() + first * each;
    return {.bytes = {begin, begin + count * each}, .raw = keys.raw, .scales = {}};
  }
};

TEST_P(StorageContract, ReadsAreTheInverseOfWritesForEveryShape) {
  for (const int head_dim : {1, 32, 64, 80, 96, 128, 256}) {
    for (const int bits : {1, 2, 3}) {
      for (const int page_positions : {16, 64, 128}) {
        const StoreShape shape{
            .layers = 2, .kv_heads = 3, .query_heads = 3, .head_dim = head_dim, .key_bits = bits};
        SCOPED_TRACE(Describe(shape));
        Random random(1);
        Twin twin(factory(), 1);
        twin.AddStore(RandomFormat(random, shape), page_positions);
        twin.AddSequence(0);
        const TestVectors keys = RandomKeyCodes(random, shape, 150);
        twin.Write(0, 1, 0, 150, keys);
        twin.Read(0, 1, 0, 150);
        twin.Read(0, 1, 61, 7);
        const Outcome outcome = twin.Run();
        EXPECT_EQ(outcome.reads[0], keys.bytes);
        EXPECT_EQ(outcome.reads[1], Slice(keys, shape, 61, 7).bytes);
      }
    }
  }
}

TEST_P(StorageContract, AnyChunkingOfAppendsStoresTheSame) {
  const StoreShape shape{
      .layers = 1, .kv_heads = 2, .query_heads = 2, .head_dim = 64, .key_bits = 2};
  Random random(2);
  const TestVectors keys = RandomKeyCodes(random, shape, 150);
  for (const int64_t chunk : {1, 3, 15, 16, 17, 63, 64, 65, 149}) {
    SCOPED_TRACE(chunk);
    Twin twin(factory(), 2);
    twin.AddStore(RandomFormat(random, shape), 64);
    twin.AddSequence(0);
    for (int64_t start = 0; start < 150; start += chunk) {
      const int64_t count = std::min<int64_t>(chunk, 150 - start);
      twin.Write(0, 0, start, count, Slice(keys, shape, start, count));
      twin.Read(0, 0, start, count);
      twin.Run();
    }
    twin.Read(0, 0, 0, 150);
    EXPECT_EQ(twin.Run().reads[0], keys.bytes);
  }
}

TEST_P(StorageContract, OverwritingTouchesOnlyWhatItNames) {
  const StoreShape shape{
      .layers = 2, .kv_heads = 2, .query_heads = 2, .head_dim = 80, .key_bits = 3};
  Random random(3);
  Twin twin(factory(), 3);
  twin.AddStore(RandomFormat(random, shape), 64);
  twin.AddSequence(0);
  for (const int layer : {0, 1}) twin.Write(0, layer, 0, 200, RandomKeyCodes(random, shape, 200));
  twin.Run();
  for (int i = 0; i < 40; ++i) {
    const int64_t start = Below(random, 200);
    const int64_t count = 1 + Below(random, 200 - start);
    twin.Write(0, i % 2, start, count, RandomKeyCodes(random, shape, count));
    for (const int layer : {0, 1}) twin.Read(0, layer, 0, 200);
    twin.Run();
  }
}

TEST_P(StorageContract, ForksCopyThePartlyFilledPageAndThenDiverge) {
  const StoreShape shape{
      .layers = 2, .kv_heads = 2, .query_heads = 4, .head_dim = 128, .key_bits = 2};
  for (const int64_t fork_at : {0, 1, 16, 63, 64, 65, 100, 128}) {
    SCOPED_TRACE(fork_at);
    Random random(4);
    Twin twin(factory(), 4);
    twin.AddStore(RandomFormat(random, shape), 64);
    twin.AddSequence(0);
    twin.AddSequence(0);
    for (const int layer : {0, 1}) twin.Write(0, layer, 0, 128, RandomKeyCodes(random, shape, 128));
    twin.Run();
    twin.Fork(0, 1, fork_at);
    twin.Run();
    twin.Write(1, 1, fork_at, 50, RandomKeyCodes(random, shape, 50));
    twin.Write(0, 1, 128, 50, RandomKeyCodes(random, shape, 50));
    for (const int sequence : {0, 1}) {
      twin.Read(sequence, 1, 0, fork_at + 50);
      twin.Select({.sequence = sequence,
                   .layer = 1,
                   .policy = {.k = 12, .grouping = Grouping::kGroupMax},
                   .queries = RandomQueryCodes(random, shape, Estimator::kAsymmetricDot, 1),
                   .visible = {fork_at + 50}});
    }
    twin.Run();
  }
}

TEST_P(StorageContract, ReusedPagesShowNothingOfTheirPast) {
  const StoreShape shape{
      .layers = 1, .kv_heads = 1, .query_heads = 2, .head_dim = 64, .key_bits = 2};
  Random random(5);
  Twin twin(factory(), 5);
  twin.AddStore(RandomFormat(random, shape), 64);
  twin.AddSequence(0);
  for (const int64_t length : {200, 70, 129, 1, 17, 64}) {
    twin.Write(0, 0, 0, length, RandomKeyCodes(random, shape, length));
    for (const Estimator estimator : {Estimator::kManhattan, Estimator::kAsymmetricDot}) {
      for (const int k : {1, 8, 64}) {
        twin.Select({.policy = {.k = k, .estimator = estimator, .grouping = Grouping::kGroupSum},
                     .queries = RandomQueryCodes(random, shape, estimator, 1),
                     .visible = {length}});
      }
    }
    twin.Run();
    twin.Truncate(0, 0);
  }
}

INSTANTIATE_TEST_SUITE_P(Contract, StorageContract, testing::ValuesIn(ContractIndices()),
                         ContractName);

}  // namespace
}  // namespace kvsift
