#include "server/rpc/convert_step.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

namespace kvsift {
namespace {

// Layers 3 and 7, 1 kv head, 2 query heads, head_dim 32, 2-bit keys: 8 bytes a key.
StoreInfo MakeStore() {
  StoreInfo store;
  store.config.name = std::string("s");  // g++ 12 misreads an assignment of the literal
  store.config.layer_ids = {3, 7};
  store.config.shape = {2, 1, 2, 32, 2};
  store.config.key_scales = {1.0f, 1.0f};
  store.fingerprint = 42;
  return store;
}

v1::StepRequest MakeStep() {
  v1::StepRequest message;
  message.set_store("s");
  v1::KeyBatch& keys = *message.mutable_keys();
  keys.add_layer_ids(7);
  for (const uint64_t id : {10, 11}) {
    keys.add_sequence_ids(id);
    keys.add_starts(5);
    keys.add_counts(1);
  }
  keys.set_keys(std::string(16, '\0'));
  v1::QueryBatch& queries = *message.mutable_queries();
  queries.add_counts(1);
  queries.add_counts(2);
  v1::Policy& policy = *queries.add_policies();
  policy.set_k(4);
  policy.set_estimator(v1::ESTIMATOR_ASYMMETRIC_DOT);
  policy.set_grouping(v1::GROUPING_GROUP_UNION);
  policy.set_sinks(1);
  policy.set_window(3);
  queries.set_queries(std::string(3 * 2 * 16, '\0'));
  for (int i = 0; i < 6; ++i) queries.add_query_scales(0.0f);
  return message;
}

TEST(ConvertStep, CarriesEveryField) {
  const StoreInfo store = MakeStore();
  v1::StepRequest message = MakeStep();
  message.mutable_keys()->add_expected_epochs(0);
  message.mutable_keys()->add_expected_epochs(std::numeric_limits<uint64_t>::max());
  message.mutable_keys()->set_on_conflict(v1::CONFLICT_RULE_REPLACE_TAIL);
  message.mutable_queries()->set_layout(v1::ANSWER_LAYOUT_PACKED);
  message.mutable_queries()->set_want_scores(true);
  StepInput input;
  const absl::Status status = ConvertStep(message, store, 100, input);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(input.request.store, "s");
  EXPECT_EQ(input.request.fingerprint, 42u);
  EXPECT_EQ(input.layer_ids, std::vector<int32_t>{7});
  EXPECT_EQ(input.request.on_conflict, ConflictRule::kReplaceTail);
  EXPECT_EQ(input.request.layout, AnswerLayout::kPacked);
  EXPECT_TRUE(input.request.want_scores);
  EXPECT_EQ(input.query_tokens, 3);
  ASSERT_EQ(input.entries.size(), 2u);
  EXPECT_EQ(input.entries[0].sequence_id, 10u);
  EXPECT_EQ(input.entries[0].expected_epoch, 0u);
  EXPECT_EQ(input.entries[1].expected_epoch, std::nullopt);
  EXPECT_EQ(input.entries[1].start, 5);
  EXPECT_EQ(input.entries[1].key_count, 1);
  EXPECT_EQ(input.entries[1].query_tokens, 2);
  ASSERT_EQ(input.policies.size(), 1u);
  EXPECT_EQ(input.policies[0], (Policy{4, Estimator::kAsymmetricDot, Grouping::kGroupUnion, 1, 3}));
  EXPECT_EQ(input.request.keys.bytes.size(), 16u);
  EXPECT_EQ(input.request.query_scales.size(), 6u);
}

// The start of an entry without keys is ignored in a step, whatever it is.
TEST(ConvertStep, AnEntryWithoutKeysHasNoStart) {
  const StoreInfo store = MakeStore();
  v1::StepRequest message = MakeStep();
  message.mutable_keys()->set_counts(0, 0);
  message.mutable_keys()->set_starts(0, -7);
  message.mutable_keys()->set_keys(std::string(8, '\0'));
  StepInput input;
  ASSERT_TRUE(ConvertStep(message, store, 100, input).ok());
  EXPECT_EQ(input.entries[0].start, 0);
}

TEST(ConvertStep, ABadScaleIsTheErrorOfItsEntryAlone) {
  const StoreInfo store = MakeStore();
  v1::StepRequest message = MakeStep();
  message.mutable_queries()->set_query_scales(5, std::numeric_limits<float>::infinity());
  StepInput input;
  ASSERT_TRUE(ConvertStep(message, store, 100, input).ok());
  EXPECT_TRUE(input.entries[0].invalid.ok());
  EXPECT_EQ(input.entries[1].invalid.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(input.entries[1].invalid.message(),
            "queries.query_scales[5]: inf, expected 0, or 2^-110 to 2^60");
}

TEST(ConvertStep, AScaleOfMinusZeroWithAZeroCodeIsFine) {
  const StoreInfo store = MakeStore();
  v1::StepRequest message = MakeStep();
  message.mutable_queries()->set_query_scales(0, -0.0f);
  StepInput input;
  ASSERT_TRUE(ConvertStep(message, store, 100, input).ok());
  EXPECT_TRUE(input.entries[0].invalid.ok());
}

// Raw queries may be of policies with different planes; codes may not.
TEST(ConvertStep, RawQueriesMixPoliciesOfDifferentPlanes) {
  const StoreInfo store = MakeStore();
  v1::StepRequest message = MakeStep();
  v1::QueryBatch& queries = *message.mutable_queries();
  *queries.add_policies() = queries.policies(0);
  queries.mutable_policies(1)->set_estimator(v1::ESTIMATOR_MANHATTAN);
  queries.add_policy_indices(1);
  queries.add_policy_indices(0);
  StepInput refused;
  EXPECT_EQ(ConvertStep(message, store, 100, refused).code(), absl::StatusCode::kInvalidArgument);
  queries.set_element_type(v1::ELEMENT_TYPE_BFLOAT16);
  queries.set_queries(std::string(3 * 2 * 32 * 2, '\0'));
  queries.clear_query_scales();
  StepInput input;
  const absl::Status status = ConvertStep(message, store, 100, input);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(input.entries[0].policy, 1);
}

// The demand is checked before sizes, which under another fingerprint could all look wrong.
TEST(ConvertStep, AnotherFingerprintComesBeforeEverythingElse) {
  const StoreInfo store = MakeStore();
  v1::StepRequest message = MakeStep();
  message.set_fingerprint(41);
  message.mutable_keys()->clear_keys();
  StepInput input;
  EXPECT_EQ(ConvertStep(message, store, 100, input).code(), absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace kvsift
