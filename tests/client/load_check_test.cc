// What is found wrong with answers: by their form, and by recomputing them.
#include <filesystem>
#include <fstream>

#include "client/load/answer_check.h"
#include "client/load/synthetic_vectors.h"
#include "client/load/verifier.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace kvsift::load {
namespace {

using testing::HasSubstr;

const StoreShape kShape = {.layers = 2, .kv_heads = 1, .query_heads = 2, .head_dim = 32};
const Policy kPolicy = {.k = 3};

Rows GoodRows() { return {3, {3, 3}, {0, 4, 9, 1, 2, 3}}; }

TEST(AnswerCheckTest, AGoodAnswerIsGood) {
  EXPECT_EQ(WhatIsWrong(kPolicy, kShape, 10, GoodRows()), "");
  EXPECT_EQ(WhatIsWrong(kPolicy, kShape, 2, {3, {2, 2}, {0, 1, -1, 0, 1, -1}}), "");
  EXPECT_EQ(WhatIsWrong(kPolicy, kShape, 0, {3, {0, 0}, {-1, -1, -1, -1, -1, -1}}), "");
}

TEST(AnswerCheckTest, EveryWrongFormIsNamed) {
  Rows rows = GoodRows();
  rows.counts[1] = 2;
  EXPECT_THAT(WhatIsWrong(kPolicy, kShape, 10, rows), HasSubstr("row 1: count 2, expected 3"));
  rows = GoodRows();
  rows.positions[4] = 1;
  EXPECT_THAT(WhatIsWrong(kPolicy, kShape, 10, rows), HasSubstr("row 1: position 1 at index 1"));
  EXPECT_THAT(WhatIsWrong(kPolicy, kShape, 9, GoodRows()), HasSubstr("row 0: position 9"));
  rows = {3, {2, 2}, {0, 1, -1, 0, 1, 0}};
  EXPECT_THAT(WhatIsWrong(kPolicy, kShape, 2, rows), HasSubstr("row 1: position 0 at index 2"));
  rows = {3, {3}, {0, 1, 2}};
  EXPECT_THAT(WhatIsWrong(kPolicy, kShape, 10, rows), HasSubstr("1 rows of width 3"));
}

TEST(AnswerCheckTest, AUnionMayHoldMoreThanK) {
  const Policy policy = {.k = 3, .grouping = Grouping::kGroupUnion};
  EXPECT_EQ(WhatIsWrong(policy, kShape, 10, {6, {4}, {0, 1, 2, 3, -1, -1}}), "");
  EXPECT_THAT(WhatIsWrong(policy, kShape, 10, {6, {2}, {0, 1, -1, -1, -1, -1}}),
              HasSubstr("count 2, expected 3 to 6"));
}

class VerifierTest : public testing::Test {
 protected:
  VerifierTest() {
    plan_.shape = kShape;
    plan_.policy = kPolicy;
    plan_.context = 50;
    plan_.verify = 1;
    auto pool = VectorPool::Make({kShape, kPolicy.estimator, false},
                                 {SyntheticLayer(kShape, 200, plan_.seed)});
    EXPECT_TRUE(pool.ok()) << pool.status();
    pool_ = std::make_unique<VectorPool>(*std::move(pool));
    config_.layer_ids = {3, 7};
    config_.kv_heads = kShape.kv_heads;
    config_.query_heads = kShape.query_heads;
    config_.head_dim = kShape.head_dim;
    config_.key_scales = pool_->key_scales();
    std::filesystem::remove(dump_);
  }
  ~VerifierTest() override { std::filesystem::remove(dump_); }

  std::unique_ptr<Verifier> MakeVerifier() {
    return std::make_unique<Verifier>(plan_, config_, *pool_, halt_, dump_);
  }

  // A sample of layer 1 whose answer is right.
  Sample RightSample(int64_t visible) {
    Sample sample = {42, Content(9), 1, visible, visible - 1};
    std::vector<std::byte> keys;
    std::vector<std::byte> query;
    std::vector<float> scales;
    sample.content.CopyKeys(*pool_, 1, 0, visible, keys);
    pool_->CopyQuery(1, sample.query, query, scales);
    const auto reference = ReferenceAnswer::Make(config_, kPolicy, visible);
    EXPECT_TRUE(reference.ok()) << reference.status();
    sample.got = *(*reference)->Of({1, visible, {keys, {}}, {query, {}}, scales});
    return sample;
  }

  const std::string dump_ = testing::TempDir() + "kvsift-load-check-test.json";
  Plan plan_;
  client::StoreConfig config_;
  std::unique_ptr<VectorPool> pool_;
  Halt halt_;
};

TEST_F(VerifierTest, RightAnswersPass) {
  const auto verifier = MakeVerifier();
  for (int64_t visible = 1; visible <= 51; ++visible) verifier->Add(RightSample(visible));
  verifier->Finish([](int64_t) {});
  EXPECT_EQ(verifier->verified(), 51);
  EXPECT_EQ(verifier->differences(), 0);
  EXPECT_TRUE(halt_.reason().ok()) << halt_.reason();
}

TEST_F(VerifierTest, APlantedDifferenceIsFoundAndWritten) {
  const auto verifier = MakeVerifier();
  for (int64_t visible = 1; visible <= 20; ++visible) verifier->Add(RightSample(visible));
  Sample wrong = RightSample(30);
  const Rows expected = wrong.got;
  // Another position, in order and in range.
  wrong.got.positions[0] = wrong.got.positions[0] > 0 ? wrong.got.positions[0] - 1 : 1;
  if (wrong.got.positions[0] == wrong.got.positions[1]) ++wrong.got.positions[1];
  verifier->Add(wrong);
  verifier->Finish([](int64_t) {});
  EXPECT_EQ(verifier->differences(), 1);
  EXPECT_EQ(halt_.reason().code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(halt_.reason().message()), HasSubstr("sequence 42, layer 7: row 0"));
  const auto dump = ReadWrongAnswer(dump_);
  ASSERT_TRUE(dump.ok()) << dump.status();
  EXPECT_EQ(dump->expected, expected);
  EXPECT_EQ(dump->got, wrong.got);
  EXPECT_EQ(dump->policy, kPolicy);
  EXPECT_EQ(dump->config.key_scales, config_.key_scales);
  EXPECT_EQ(dump->seed, plan_.seed);
  // The dump alone gives the right answer again.
  const auto reference = ReferenceAnswer::Make(dump->config, dump->policy, dump->visible);
  EXPECT_EQ(*(*reference)->Of(dump->AsQuestion()), expected);
}

TEST_F(VerifierTest, TheShareIsKept) {
  plan_.verify = 0.25;
  const auto verifier = MakeVerifier();
  int wanted = 0;
  for (uint64_t call = 0; call < 10000; ++call) wanted += verifier->Wants(7, 1, call) ? 1 : 0;
  EXPECT_NEAR(wanted, 2500, 200);
}

TEST_F(VerifierTest, AFileThatIsNoDumpIsRefused) {
  std::ofstream(dump_) << "{\"kvsift_load\": 1}";
  EXPECT_TRUE(absl::IsInvalidArgument(ReadWrongAnswer(dump_).status()));
  EXPECT_TRUE(absl::IsNotFound(ReadWrongAnswer("/no/such/file").status()));
}

}  // namespace
}  // namespace kvsift::load
