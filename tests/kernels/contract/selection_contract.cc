// Selections over shapes, lengths and policies: every answer equals the reference's.
#include <algorithm>
#include <cstdint>
#include <vector>

#include "gtest/gtest.h"
#include "tests/kernels/contract/contract.h"
#include "tests/kernels/contract/test_vectors.h"
#include "tests/kernels/contract/twin.h"

namespace kvsift {
namespace {

constexpr Estimator kEstimators[] = {Estimator::kManhattan, Estimator::kSquaredEuclidean,
                                     Estimator::kDot, Estimator::kAsymmetricDot};
constexpr Grouping kGroupings[] = {Grouping::kHead, Grouping::kGroupMax, Grouping::kGroupSum,
                                   Grouping::kGroupUnion, Grouping::kLayerMax};

// Around every word, tile and page (64 and 128 positions) boundary.
constexpr int64_t kLengths[] = {1,  15, 16,  17,  31,  32,  33,  47,  48,  49,  63,   64,
                                65, 95, 127, 128, 129, 191, 193, 255, 256, 257, 1000, 1024};

class SelectionContract : public BackendContract {};

// A store with one written sequence, ready to be asked.
struct Written {
  Written(const BackendFactory& factory, const StoreShape& store_shape, int64_t positions,
          uint32_t seed, bool repeat_key = false)
      : shape(store_shape), length(positions), random(seed), twin(factory, seed) {
    twin.AddStore(RandomFormat(random, shape), 64);
    twin.AddSequence(0);
    for (int layer = 0; layer < shape.layers; ++layer) {
      twin.Write(0, layer, 0, length,
                 repeat_key ? RepeatedKeyCode(random, shape, length)
                            : RandomKeyCodes(random, shape, length));
    }
  }

  // Asks for every visible position unless told otherwise.
  void Ask(const Policy& policy, std::vector<int64_t> visible = {}, int64_t extra_width = 0) {
    if (visible.empty()) visible = {length};
    const int64_t tokens = std::ssize(visible);
    twin.Select({.sequence = 0,
                 .layer = shape.layers - 1,
                 .policy = policy,
                 .queries = RandomQueryCodes(random, shape, policy.estimator, tokens),
                 .visible = std::move(visible),
                 .extra_width = extra_width});
  }

  // Asks with every estimator and grouping.
  void AskAll(Policy policy, const std::vector<int64_t>& visible = {}, int64_t extra_width = 0) {
    for (const Estimator estimator : kEstimators) {
      for (const Grouping grouping : kGroupings) {
        policy.estimator = estimator;
        policy.grouping = grouping;
        Ask(policy, visible, extra_width);
      }
    }
  }

  StoreShape shape;
  int64_t length;
  Random random;
  Twin twin;
};

TEST_P(SelectionContract, EveryHeadDimGroupSizeAndKeyBitsSelectTheSame) {
  uint32_t seed = 1;
  for (const int head_dim : {1, 32, 64, 80, 96, 128, 256}) {
    for (int group = 1; group <= 16; ++group) {
      const int bits = 1 + static_cast<int>(seed % 3);
      const StoreShape shape{.layers = 1,
                             .kv_heads = 1 + static_cast<int>(seed % 2),
                             .query_heads = group * (1 + static_cast<int>(seed % 2)),
                             .head_dim = head_dim,
                             .key_bits = bits};
      SCOPED_TRACE(Describe(shape));
      Written written(factory(), shape, 90 + seed % 80, seed);
      written.AskAll({.k = 12, .sinks = 1, .window = 2});
      written.twin.Run();
      ++seed;
    }
  }
}

TEST_P(SelectionContract, EveryKeyBitsWorkWithEveryHeadDimAtOneHeadAndAtEight) {
  for (const int head_dim : {1, 32, 64, 80, 96, 128, 256}) {
    for (const int bits : {1, 2, 3}) {
      for (const int group : {1, 8}) {
        const StoreShape shape{.layers = 2,
                               .kv_heads = 2,
                               .query_heads = 2 * group,
                               .head_dim = head_dim,
                               .key_bits = bits};
        SCOPED_TRACE(Describe(shape));
        Written written(factory(), shape, 150, static_cast<uint32_t>(head_dim * 10 + bits));
        written.AskAll({.k = 16});
        written.twin.Run();
      }
    }
  }
}

TEST_P(SelectionContract, EveryLengthAndKSelectTheSame) {
  const StoreShape shape{
      .layers = 1, .kv_heads = 1, .query_heads = 3, .head_dim = 32, .key_bits = 2};
  for (const int64_t length : kLengths) {
    SCOPED_TRACE(length);
    Written written(factory(), shape, length, static_cast<uint32_t>(length));
    for (const int k : {1, 2, 15, 16, 17, 31, 32, 33, 255, 256, 257, 2000}) {
      written.AskAll({.k = k});
    }
    const auto near = static_cast<int32_t>(std::max<int64_t>(1, length - 1));
    written.AskAll({.k = near, .sinks = near / 2, .window = near - near / 2});
    written.twin.Run();
  }
}

TEST_P(SelectionContract, LongSequencesSelectTheSame) {
  const StoreShape shape{
      .layers = 1, .kv_heads = 1, .query_heads = 4, .head_dim = 64, .key_bits = 2};
  Written written(factory(), shape, 5003, 7);
  for (const int k : {1, 33, 256, 1024, 5002, 5003, 5004}) {
    for (const Estimator estimator : kEstimators) {
      written.Ask({.k = k, .estimator = estimator, .grouping = Grouping::kHead});
    }
  }
  written.AskAll({.k = 256, .sinks = 4, .window = 16});
  written.twin.Run();
}

// Long enough that backends split one row by key range; equal keys tie across every split.
TEST_P(SelectionContract, RowsThatAreSplitByKeyRangeSelectTheSame) {
  const StoreShape shape{
      .layers = 1, .kv_heads = 1, .query_heads = 2, .head_dim = 32, .key_bits = 1};
  for (const bool repeat_key : {false, true}) {
    Written written(factory(), shape, 140'001, 15, repeat_key);
    for (const Grouping grouping : {Grouping::kHead, Grouping::kGroupMax, Grouping::kGroupSum}) {
      written.Ask({.k = 1000, .grouping = grouping, .sinks = 4, .window = 16});
    }
    written.Ask({.k = 70'000, .estimator = Estimator::kManhattan}, {140'000});
    written.twin.Run();
  }
}

TEST_P(SelectionContract, SinksAndWindowAreForcedWhateverTheScores) {
  const StoreShape shape{
      .layers = 1, .kv_heads = 2, .query_heads = 4, .head_dim = 64, .key_bits = 2};
  Written written(factory(), shape, 131, 8);
  for (const auto& [sinks, window] : {std::pair{0, 1},
                                      {1, 0},
                                      {0, 17},
                                      {17, 0},
                                      {4, 13},
                                      {20, 20},
                                      {0, 40},
                                      {40, 0},
                                      {39, 1},
                                      {16, 16}}) {
    written.AskAll({.k = 40, .sinks = sinks, .window = window}, {131, 41, 40, 39, 1, 0});
  }
  written.twin.Run();
}

TEST_P(SelectionContract, RaggedVisibleLengthsCutEachTokenByItself) {
  const StoreShape shape{
      .layers = 1, .kv_heads = 2, .query_heads = 6, .head_dim = 96, .key_bits = 3};
  Written written(factory(), shape, 260, 9);
  written.AskAll({.k = 16, .sinks = 2, .window = 3},
                 {0, 1, 15, 16, 17, 260, 259, 128, 0, 129, 63, 64, 65, 33});
  written.AskAll({.k = 1}, {0});
  written.twin.Run();
}

TEST_P(SelectionContract, WideRowsArePaddedToTheirWidth) {
  const StoreShape shape{
      .layers = 1, .kv_heads = 1, .query_heads = 2, .head_dim = 128, .key_bits = 2};
  Written written(factory(), shape, 100, 10);
  for (const int64_t extra : {1, 7, 64, 1000}) written.AskAll({.k = 9}, {100, 4}, extra);
  written.twin.Run();
}

TEST_P(SelectionContract, EqualKeysTieEverywhere) {
  for (const int bits : {1, 2, 3}) {
    const StoreShape shape{
        .layers = 1, .kv_heads = 2, .query_heads = 6, .head_dim = 64, .key_bits = bits};
    Written written(factory(), shape, 300, 11, /*repeat_key=*/true);
    for (const int k : {1, 16, 33, 257, 299}) {
      written.AskAll({.k = k}, {300, 299});
      written.AskAll({.k = k, .sinks = k / 3, .window = k / 4}, {300, 298});
    }
    written.twin.Run();
  }
}

TEST_P(SelectionContract, TiesGoToTheMoreRecentPosition) {
  const StoreShape shape{
      .layers = 1, .kv_heads = 1, .query_heads = 1, .head_dim = 32, .key_bits = 2};
  Written written(factory(), shape, 100, 12, /*repeat_key=*/true);
  written.Ask({.k = 3, .estimator = Estimator::kManhattan});
  written.Ask({.k = 3, .estimator = Estimator::kManhattan, .sinks = 1});
  written.Ask({.k = 3, .estimator = Estimator::kManhattan}, {50});
  const Outcome outcome = written.twin.Run();
  EXPECT_EQ(outcome.answers[0].positions, (std::vector<int32_t>{97, 98, 99}));
  EXPECT_EQ(outcome.answers[1].positions, (std::vector<int32_t>{0, 98, 99}));
  EXPECT_EQ(outcome.answers[2].positions, (std::vector<int32_t>{47, 48, 49}));
}

// Two query codes: every value at its least, then every value at its most.
TestVectors ExtremeQueries(const StoreShape& shape, Estimator estimator) {
  const auto plane_bytes = static_cast<size_t>(CodeBytes(shape.head_dim, 1));
  const bool fine = HasQueryScales(estimator);
  TestVectors queries;
  for (const bool most : {false, true}) {
    for (int plane = 0; plane < QueryPlanes(estimator, shape.key_bits); ++plane) {
      // -7 is 1001 and 7 is 0111 in two's complement.
      const bool set = fine ? (most ? plane < 3 : plane == 0 || plane == 3) : most;
      queries.bytes.insert(queries.bytes.end(), plane_bytes, set ? std::byte{0xff} : std::byte{0});
    }
    if (fine) queries.scales.push_back(most ? 1.0f : 0x1p-20f);
  }
  return queries;
}

TEST_P(SelectionContract, ExtremeCodesReachTheLargestScores) {
  for (const int bits : {1, 2, 3}) {
    const StoreShape shape{
        .layers = 1, .kv_heads = 1, .query_heads = 2, .head_dim = 256, .key_bits = bits};
    Twin twin(factory(), 13);
    Random random(13);
    twin.AddStore(RandomFormat(random, shape), 64);
    twin.AddSequence(0);
    const auto bytes = static_cast<size_t>(shape.key_bytes_per_position());
    TestVectors keys;  // all codes 0, then all codes at their top, in turn
    for (int i = 0; i < 70; ++i) {
      keys.bytes.insert(keys.bytes.end(), bytes, i % 2 == 0 ? std::byte{0} : std::byte{0xff});
    }
    twin.Write(0, 0, 0, 70, keys);
    for (const Estimator estimator : kEstimators) {
      const TestVectors queries = ExtremeQueries(shape, estimator);
      for (const Grouping grouping : kGroupings) {
        twin.Select({.policy = {.k = 40, .estimator = estimator, .grouping = grouping},
                     .queries = queries,
                     .visible = {70}});
      }
    }
    const Outcome outcome = twin.Run();
    const auto& scores = outcome.answers[15].scores;  // asymmetric_dot, head
    const int32_t largest = MaxScoreMagnitude(Estimator::kAsymmetricDot, 256, bits);
    EXPECT_EQ(*std::max_element(scores.begin(), scores.end()), largest);
    EXPECT_EQ(*std::min_element(scores.begin(), scores.end()), -largest);
  }
}

TEST_P(SelectionContract, StoresWithoutKeyScalesServeCodes) {
  const StoreShape shape{
      .layers = 1, .kv_heads = 2, .query_heads = 4, .head_dim = 64, .key_bits = 2};
  Twin twin(factory(), 14);
  Random random(14);
  twin.AddStore(MakeStoreFormat(shape, {}), 128);
  twin.AddSequence(0);
  twin.Write(0, 0, 0, 200, RandomKeyCodes(random, shape, 200));
  for (const Estimator estimator : kEstimators) {
    for (const Grouping grouping : kGroupings) {
      twin.Select({.policy = {.k = 20, .estimator = estimator, .grouping = grouping},
                   .queries = RandomQueryCodes(random, shape, estimator, 2),
                   .visible = {199, 200}});
    }
  }
  twin.Run();
}

INSTANTIATE_TEST_SUITE_P(Contract, SelectionContract, testing::ValuesIn(ContractIndices()),
                         ContractName);

}  // namespace
}  // namespace kvsift
