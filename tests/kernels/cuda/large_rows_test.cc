// Rows long enough for clusters, guesses and many pages, with keys that defeat a guess.
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/kernels/contract/contract.h"
#include "tests/kernels/contract/test_vectors.h"
#include "tests/kernels/contract/twin.h"

namespace kvsift {
namespace {

class LargeRows : public BackendContract {
 protected:
  // Selects with every estimator and grouping for the last positions of a row.
  void SelectEverything(Twin& twin, Random& random, const StoreShape& shape, int64_t length,
                        const std::vector<Policy>& policies) {
    for (const Policy& policy : policies) {
      SCOPED_TRACE(Describe(policy));
      twin.Select({.sequence = 0,
                   .layer = 0,
                   .policy = policy,
                   .queries = RandomQueryCodes(random, shape, policy.estimator, 2),
                   .visible = {length - 5, length},
                   .extra_width = 1});
      twin.Run();
    }
  }
};

std::vector<Policy> EveryEstimatorAndGrouping(int32_t k) {
  std::vector<Policy> policies;
  for (int estimator = 0; estimator < 4; ++estimator) {
    for (int grouping = 0; grouping < 5; ++grouping) {
      policies.push_back({.k = k,
                          .estimator = static_cast<Estimator>(estimator),
                          .grouping = static_cast<Grouping>(grouping),
                          .sinks = estimator,
                          .window = 3 * grouping});
    }
  }
  return policies;
}

TEST_P(LargeRows, RandomKeysOfEveryFragmentOrder) {
  for (const int head_dim : {64, 128, 256}) {
    const StoreShape shape{
        .layers = 1, .kv_heads = 2, .query_heads = 8, .head_dim = head_dim, .key_bits = 2};
    SCOPED_TRACE(Describe(shape));
    Random random(static_cast<uint32_t>(head_dim));
    Twin twin(factory(), 1);
    twin.AddStore(RandomFormat(random, shape), 256);
    twin.AddSequence(0);
    constexpr int64_t kLength = 9001;
    twin.Write(0, 0, 0, kLength, RandomKeyCodes(random, shape, kLength));
    twin.Run();
    SelectEverything(twin, random, shape, kLength, EveryEstimatorAndGrouping(64));
  }
}

TEST_P(LargeRows, EveryKTheGuessCannotServe) {
  const StoreShape shape{
      .layers = 1, .kv_heads = 1, .query_heads = 16, .head_dim = 128, .key_bits = 2};
  Random random(2);
  Twin twin(factory(), 2);
  twin.AddStore(RandomFormat(random, shape), 1024);
  twin.AddSequence(0);
  constexpr int64_t kLength = 33333;
  twin.Write(0, 0, 0, kLength, RandomKeyCodes(random, shape, kLength));
  twin.Run();
  std::vector<Policy> policies;
  for (const int32_t k : {1, 15, 17, 255, 256, 1024, 4096, 20000, 33327}) {
    policies.push_back({.k = k, .grouping = Grouping::kHead});
  }
  policies.push_back({.k = 4096, .grouping = Grouping::kGroupMax, .sinks = 4, .window = 1000});
  SelectEverything(twin, random, shape, kLength, policies);
}

// Half the row is one key, so nearly everything ties.
TEST_P(LargeRows, EqualKeysTieByRecency) {
  const StoreShape shape{
      .layers = 1, .kv_heads = 1, .query_heads = 4, .head_dim = 128, .key_bits = 2};
  Random random(3);
  Twin twin(factory(), 3);
  twin.AddStore(RandomFormat(random, shape), 64);
  twin.AddSequence(0);
  constexpr int64_t kHalf = 10007;
  twin.Write(0, 0, 0, kHalf, RepeatedKeyCode(random, shape, kHalf));
  twin.Write(0, 0, kHalf, kHalf, RandomKeyCodes(random, shape, kHalf));
  twin.Run();
  SelectEverything(twin, random, shape, 2 * kHalf, EveryEstimatorAndGrouping(300));
  SelectEverything(twin, random, shape, kHalf, EveryEstimatorAndGrouping(300));
}

TEST_P(LargeRows, RowsOfManyLengthsShareABatch) {
  const StoreShape shape{
      .layers = 1, .kv_heads = 1, .query_heads = 2, .head_dim = 128, .key_bits = 2};
  Random random(4);
  Twin twin(factory(), 4);
  twin.AddStore(RandomFormat(random, shape), 256);
  int sequence = 0;
  for (int64_t length = 1; length < 60000; length = length * 3 / 2 + 1, ++sequence) {
    twin.AddSequence(0);
    twin.Write(sequence, 0, 0, length, RandomKeyCodes(random, shape, length));
    const Policy policy{.k = 100, .grouping = Grouping::kHead};
    twin.Select({.sequence = sequence,
                 .layer = 0,
                 .policy = policy,
                 .queries = RandomQueryCodes(random, shape, policy.estimator, 1),
                 .visible = {length}});
  }
  twin.Run();
}

INSTANTIATE_TEST_SUITE_P(Contract, LargeRows, testing::ValuesIn(ContractIndices()), ContractName);

}  // namespace
}  // namespace kvsift
