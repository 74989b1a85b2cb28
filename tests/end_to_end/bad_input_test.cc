// Every bad input has a status code, a message with field, value and limit, and leaves all state
// as it was.
#include "tests/end_to_end/bad_input.h"

#include <gtest/gtest.h>

#include <optional>

#include "tests/end_to_end/requests.h"
#include "tests/end_to_end/test_server.h"

namespace kvsift {
namespace {

class BadInputTest : public testing::TestWithParam<Transport> {
 protected:
  void SetUp() override {
    ServerOptions options;
    options.memory_bytes = int64_t{16} << 20;
    server_.emplace(options, GetParam());
    Create(MakeCreate("s"));
    auto codes = MakeCreate("codes");
    codes.mutable_config()->clear_key_scales();
    Create(codes);
    Random random(4);
    const Outcome filled =
        Send(stub(), &Stub::AppendKeys, MakeAppend("s", {{1, 0, 5}, {2, 0, 8}}, random));
    ASSERT_TRUE(filled.status.ok()) << filled.status.error_message();
    ASSERT_TRUE(filled.entry_errors.empty()) << filled.entry_errors[0].message();
  }

  Stub& stub() { return server_->stub(); }

  void Create(const v1::CreateStoreRequest& request) {
    const Outcome created = Send(stub(), &Stub::CreateStore, request);
    ASSERT_TRUE(created.status.ok()) << created.status.error_message();
  }

  void ExpectAllRefused(const std::vector<BadInput>& inputs) {
    const std::string before = Snapshot(stub());
    ASSERT_NE(before.find("sequences: 2"), std::string::npos) << before;
    for (const BadInput& input : inputs) {
      ExpectRefused(stub(), input);
      EXPECT_EQ(Snapshot(stub()), before) << input.name;
    }
  }

  std::optional<TestServer> server_;
};

TEST_P(BadInputTest, BadStoresAreRefused) { ExpectAllRefused(BadStores()); }
TEST_P(BadInputTest, BadCalibrationsAreRefused) { ExpectAllRefused(BadCalibrations()); }
TEST_P(BadInputTest, BadCallsAboutSequencesAreRefused) { ExpectAllRefused(BadSequences()); }
TEST_P(BadInputTest, BadKeysAreRefused) { ExpectAllRefused(BadKeys()); }
TEST_P(BadInputTest, BadQueriesAreRefused) { ExpectAllRefused(BadQueries()); }
TEST_P(BadInputTest, BadPoliciesAreRefused) { ExpectAllRefused(BadPolicies()); }
TEST_P(BadInputTest, BadStepsAreRefused) { ExpectAllRefused(BadSteps()); }

// An entry that fails is named; its neighbours are served as if it were not there.
TEST_P(BadInputTest, NeighboursOfAFailedEntryAreAnswered) {
  Random random(5);
  v1::StepRequest request = MakeStep("s", {{1, 5, 1}, {2, 100, 1}, {3, 0, 1}}, random);
  request.mutable_keys()->add_expected_epochs(UINT64_MAX);
  request.mutable_keys()->add_expected_epochs(UINT64_MAX);
  request.mutable_keys()->add_expected_epochs(0);
  grpc::ClientContext context;
  v1::StepResponse response;
  const grpc::Status status = stub().Step(&context, request, &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  ASSERT_EQ(response.entry_errors_size(), 1);
  EXPECT_EQ(response.entry_errors(0).entry(), 1);
  EXPECT_EQ(response.entry_errors(0).length(), 8);
  EXPECT_EQ(response.entry_errors(0).epoch(), response.epochs(1));
  EXPECT_GT(response.epochs(1), 0u);
  EXPECT_EQ(response.lengths(0), 6);
  EXPECT_EQ(response.lengths(1), 8);
  EXPECT_EQ(response.lengths(2), 1);
  EXPECT_EQ(response.answer().width(), 4);
  EXPECT_EQ(Ints(response.answer().counts()),
            (std::vector<int32_t>{4, 4, 4, 4, 0, 0, 0, 0, 1, 1, 1, 1}));
  const std::vector<int32_t> positions = Ints(response.answer().positions());
  EXPECT_EQ(std::vector(positions.begin() + 16, positions.begin() + 36),
            (std::vector<int32_t>{-1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
                                  -1, -1, -1, -1, -1, -1, 0,  -1, -1, -1}));
}

// A budget that is spent fails the entry that needs more, says what was asked and what is free.
TEST_P(BadInputTest, AnAppendBeyondTheBudgetFailsAlone) {
  Random random(6);
  const v1::AppendKeysRequest large = MakeAppend("s", {{8, 0, 200'000}}, random);
  const v1::AppendKeysRequest fits = MakeAppend("s", {{7, 0, 100'000}}, random);
  Outcome outcome = Send(stub(), &Stub::AppendKeys, fits);
  ASSERT_TRUE(outcome.status.ok()) << outcome.status.error_message();
  ASSERT_TRUE(outcome.entry_errors.empty()) << outcome.entry_errors[0].message();
  const std::string before = Snapshot(stub());
  outcome = Send(stub(), &Stub::AppendKeys, large);
  ASSERT_TRUE(outcome.status.ok()) << outcome.status.error_message();
  ASSERT_EQ(outcome.entry_errors.size(), 1u);
  EXPECT_EQ(outcome.entry_errors[0].code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_NE(outcome.entry_errors[0].message().find("free"), std::string::npos)
      << outcome.entry_errors[0].message();
  EXPECT_EQ(Snapshot(stub()), before);
}

INSTANTIATE_TEST_SUITE_P(Transports, BadInputTest,
                         testing::Values(Transport::kTcp, Transport::kUnix),
                         [](const auto& of) { return TransportName(of.param); });

}  // namespace
}  // namespace kvsift
