// The committed trace through a real server gives the figures of its README.
#include "client/evaluate/evaluate.h"

#include <memory>

#include "client/evaluate/calibration.h"
#include "client/evaluate/report.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/client/sample_store.h"
#include "tests/end_to_end/test_server.h"
#include "tests/test_files.h"

namespace kvsift::evaluate {
namespace {

using testing::IsEmpty;

const std::string kTrace = TestData("traces/war-and-peace-layer-14.safetensors");
constexpr double kTolerance = 0.002;

class Evaluation : public testing::Test {
 protected:
  void SetUp() override {
    auto trace = trace::Trace::Open(kTrace);
    ASSERT_TRUE(trace.ok()) << trace.status();
    trace_ = std::make_unique<trace::Trace>(*std::move(trace));
    auto client = Client::Connect(server_.address(), {}, Soon());
    ASSERT_TRUE(client.ok()) << client.status();
    client_ = *std::move(client);
    plan_.layers = {14};
    plan_.timeout = absl::Seconds(120);
  }

  TestServer server_;
  std::unique_ptr<trace::Trace> trace_;
  std::unique_ptr<Client> client_;
  Plan plan_;
};

TEST_F(Evaluation, GivesTheTableOfTheTracesReadme) {
  for (const Estimator estimator :
       {Estimator::kManhattan, Estimator::kDot, Estimator::kAsymmetricDot}) {
    for (const int32_t k : {64, 256}) plan_.policies.push_back({.k = k, .estimator = estimator});
  }
  const auto report = Evaluate(*client_, *trace_, *trace_, plan_);
  ASSERT_TRUE(report.ok()) << report.status();
  const Quality expected[] = {{.304, .656}, {.414, .803}, {.557, .797},
                              {.624, .904}, {.620, .816}, {.680, .915}};
  const LayerReport& layer = report->layers.at(14);
  ASSERT_EQ(layer.outcomes.size(), 6u);
  for (size_t i = 0; i < 6; ++i) {
    EXPECT_NEAR(layer.outcomes[i].quality.recall, expected[i].recall, kTolerance)
        << OutcomeName(plan_.policies[i]);
    EXPECT_NEAR(layer.outcomes[i].quality.mass, expected[i].mass, kTolerance)
        << OutcomeName(plan_.policies[i]);
  }
  EXPECT_NEAR(layer.exact.at(64), .859, kTolerance);
  EXPECT_NEAR(layer.exact.at(256), .940, kTolerance);
  EXPECT_NEAR(report->stored_key_bytes, 16, 16 * .05);
  EXPECT_EQ(report->fp16_key_bytes, 128);
  EXPECT_THAT(*client_->ListStores(Soon()), IsEmpty());
}

TEST_F(Evaluation, AnInterruptedRunLeavesNoStoreBehind) {
  plan_.policies = {{.k = 64}};
  int calls = 0;
  plan_.progress = [&calls](const std::string&, double) { return ++calls < 3; };
  EXPECT_TRUE(absl::IsCancelled(Evaluate(*client_, *trace_, *trace_, plan_).status()));
  EXPECT_EQ(calls, 3);
  EXPECT_THAT(*client_->ListStores(Soon()), IsEmpty());
}

TEST_F(Evaluation, AFailedRunLeavesNoStoreBehind) {
  plan_.policies = {{.k = 64, .sinks = 65}};
  EXPECT_TRUE(absl::IsInvalidArgument(Evaluate(*client_, *trace_, *trace_, plan_).status()));
  EXPECT_THAT(*client_->ListStores(Soon()), IsEmpty());
}

TEST_F(Evaluation, TheReportNamesEachMeasurement) {
  EXPECT_EQ(OutcomeName({.k = 64, .estimator = Estimator::kManhattan}), "manhattan@64");
  EXPECT_EQ(OutcomeName({.k = 8, .grouping = Grouping::kGroupMax}), "asymmetric_dot@8/group_max");
  Report report;
  Outcome outcome;
  outcome.policy = {.k = 64, .estimator = Estimator::kDot};
  outcome.quality = {.recall = 0.25, .mass = 0.5};
  report.layers[3].outcomes = {outcome};
  report.layers[3].exact[64] = 0.75;
  const auto json = ReportJson(report);
  EXPECT_EQ(json["layers"]["3"]["dot@64"]["recall"], 0.25);
  EXPECT_EQ(json["layers"]["3"]["dot@64"]["mass"], 0.5);
  EXPECT_EQ(json["layers"]["3"]["exact@64"]["mass"], 0.75);
}

TEST_F(Evaluation, LayersMustBeThoseOfTheTrace) {
  EXPECT_EQ(*LayersOf(*trace_, {}), (std::vector<int32_t>{14}));
  const auto layers = LayersOf(*trace_, {14, 15});
  EXPECT_TRUE(absl::IsInvalidArgument(layers.status()));
}

}  // namespace
}  // namespace kvsift::evaluate
