// Requests that are refused as a whole, with a field, a value and a limit.
#include "server/engine/field_error.h"
#include "tests/engine/engine_test.h"

namespace kvsift {
namespace {

using ::absl::StatusCode;

class RequestTest : public EngineTest {
 protected:
  RequestTest() { Append(1, 0, RandomKeys(random_, 10)); }

  StepSpec Valid() {
    return {.layer_ids = {3},
            .entries = {{.id = 1,
                         .start = 10,
                         .keys = {RandomKeys(random_, 2)},
                         .queries = query_.codes,
                         .tokens = 1}},
            .policies = {kPolicy}};
  }

  // Expects that `spec` is refused over `field` and that nothing has changed.
  void ExpectRefused(const StepSpec& spec, StatusCode code, const std::string& field) {
    const StepOutcome outcome = RunStep(engine(), spec);
    EXPECT_EQ(outcome.status.code(), code) << outcome.status;
    ASSERT_TRUE(FieldViolationOf(outcome.status).has_value()) << outcome.status;
    EXPECT_EQ(FieldViolationOf(outcome.status)->field, field) << outcome.status;
    EXPECT_TRUE(outcome.entries.empty());
    EXPECT_TRUE(outcome.counts.empty()) << "the sink was used";
    EXPECT_EQ(Info(1).lengths, std::vector<int64_t>(2, 10));
  }
};
INSTANTIATE_TEST_SUITE_P(AllBackends, RequestTest, testing::ValuesIn(EngineBackends()), BackendOf);

TEST_P(RequestTest, ValidIsNotRefused) {
  EXPECT_TRUE(RunStep(engine(), Valid()).status.ok());
  EXPECT_EQ(Info(1).lengths, (std::vector<int64_t>{12, 10}));
}

TEST_P(RequestTest, UnknownStoresAndLayersAreNotFound) {
  StepSpec spec = Valid();
  spec.store = "t";
  ExpectRefused(spec, StatusCode::kNotFound, "store");
  spec = Valid();
  spec.layer_ids = {4};
  ExpectRefused(spec, StatusCode::kNotFound, "keys.layer_ids[0]");
}

TEST_P(RequestTest, AnotherFingerprintIsAFailedPrecondition) {
  StepSpec spec = Valid();
  spec.fingerprint = 1;
  ExpectRefused(spec, StatusCode::kFailedPrecondition, "fingerprint");
  spec.fingerprint = engine().GetStore("s")->fingerprint;
  EXPECT_TRUE(RunStep(engine(), spec).status.ok());
}

TEST_P(RequestTest, RawKeysNeedKeyScales) {
  StoreConfig config = SmallConfig();
  config.name = "codes";
  config.key_scales.clear();
  ASSERT_TRUE(engine().CreateStore(config).ok());
  StepSpec spec = {.store = "codes",
                   .layer_ids = {3},
                   .entries = {{.id = 1, .keys = {Bytes(2 * 64 * 2)}}},
                   .raw_keys = ElementType::kFloat16};
  ExpectRefused(spec, StatusCode::kFailedPrecondition, "keys.element_type");
}

TEST_P(RequestTest, ASequenceTwiceWithKeysIsRefusedButOnceWithKeysIsFine) {
  StepSpec spec = Valid();
  spec.entries.push_back(spec.entries[0]);
  ExpectRefused(spec, StatusCode::kInvalidArgument, "keys.sequence_ids");
  spec.entries[1].keys.clear();
  const StepOutcome outcome = RunStep(engine(), spec);
  EXPECT_TRUE(outcome.entries[1].status.ok());
  EXPECT_EQ(outcome.entries[1].length, 12) << "in the order of the entries";
}

TEST_P(RequestTest, LayersMustBeDistinctAndOneWhereTokensAre) {
  StepSpec spec = Valid();
  spec.layer_ids = {};
  ExpectRefused(spec, StatusCode::kInvalidArgument, "keys.layer_ids");
  spec.layer_ids = {3, 3};
  spec.entries[0].keys.push_back(spec.entries[0].keys[0]);
  ExpectRefused(spec, StatusCode::kInvalidArgument, "keys.layer_ids[1]");
  spec.layer_ids = {3, 7};
  ExpectRefused(spec, StatusCode::kInvalidArgument, "keys.layer_ids");
}

TEST_P(RequestTest, SizesMustMatch) {
  StepSpec spec = Valid();
  spec.entries[0].keys[0].pop_back();
  ExpectRefused(spec, StatusCode::kInvalidArgument, "keys.keys");
  spec = Valid();
  spec.entries[0].queries.pop_back();
  ExpectRefused(spec, StatusCode::kInvalidArgument, "queries.queries");
  spec = Valid();
  spec.entries[0].scales = {1.0f};
  ExpectRefused(spec, StatusCode::kInvalidArgument, "queries.query_scales");
  spec = Valid();
  spec.entries[0].visible = {1, 2};
  ExpectRefused(spec, StatusCode::kInvalidArgument, "queries.visible_lengths");
}

TEST_P(RequestTest, CountsThatOverflowAreRefused) {
  StepSpec spec = Valid();
  spec.entries[0].tokens = INT64_MAX;
  ExpectRefused(spec, StatusCode::kInvalidArgument, "queries.queries");
  spec.entries.push_back(spec.entries[0]);
  spec.entries[1].id = 2;
  ExpectRefused(spec, StatusCode::kInvalidArgument, "queries.queries");
  spec.entries[0].tokens = -1;
  ExpectRefused(spec, StatusCode::kInvalidArgument, "queries.counts[0]");
  spec = Valid();
  spec.entries[0].start = -1;
  ExpectRefused(spec, StatusCode::kInvalidArgument, "keys.starts[0]");
}

TEST_P(RequestTest, PolicyIndicesMustExistAndAgreeOnPlanes) {
  StepSpec spec = Valid();
  spec.entries[0].policy = 1;
  ExpectRefused(spec, StatusCode::kInvalidArgument, "queries.policy_indices[0]");
  spec = Valid();
  spec.policies.push_back({.k = 1, .estimator = Estimator::kAsymmetricDot});
  spec.entries.push_back({.id = 1, .queries = query_.codes, .tokens = 1, .policy = 1});
  ExpectRefused(spec, StatusCode::kInvalidArgument, "queries.policies[1].estimator");
}

TEST_P(RequestTest, AnAnswerBeyondTheLimitIsRefusedWithBothFigures) {
  EngineLimits limits;
  limits.max_answer_bytes = 143;  // 4 rows x (8 positions + 1 count) x 4 bytes = 144
  EngineUnderTest small(GetParam(), 1 << 20, SmallConfig(), limits);
  const StepOutcome outcome = RunStep(*small.engine, Valid());
  EXPECT_EQ(outcome.status.message(), "queries: answer of 144 bytes, expected at most 143 bytes");
  limits.max_answer_bytes = 144;
  EngineUnderTest enough(GetParam(), 1 << 20, SmallConfig(), limits);
  EXPECT_TRUE(RunStep(*enough.engine, Valid()).status.ok());
}

TEST_P(RequestTest, NoEntriesIsAnEmptyAnswer) {
  const StepOutcome outcome = RunStep(engine(), {.layer_ids = {3}});
  EXPECT_TRUE(outcome.status.ok());
  EXPECT_TRUE(outcome.entries.empty());
}

}  // namespace
}  // namespace kvsift
