// What becomes of an engine when a device fails for good.
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/engine/engine_driver.h"
#include "tests/engine/engine_harness.h"
#include "tests/engine/failing_backend.h"
#include "tests/kernels/backends_under_test.h"

namespace kvsift {
namespace {

using absl::StatusCode;
using testing::HasSubstr;
using testing::SizeIs;

constexpr Policy kPolicy = {.k = 8, .estimator = Estimator::kManhattan};

// Two devices; stores "s" and "other" on the first and the second. The first one fails when it is
// asked to select.
class FailureTest : public testing::Test {
 protected:
  FailureTest() {
    EngineOptions options;
    options.backends.push_back(CreateFailingBackend(MakeDevice(), HasSelections));
    options.backends.push_back(MakeDevice());
    options.on_device_failure = [this](const absl::Status& why) { failures_.push_back(why); };
    engine_ = std::make_unique<Engine>(std::move(options));
    StoreConfig config = SmallConfig();
    EXPECT_TRUE(engine_->CreateStore(config).ok());
    config.name = "other";
    config.device = 1;
    EXPECT_TRUE(engine_->CreateStore(config).ok());
    for (const char* store : {"s", "other"}) {
      const Bytes keys = RandomKeys(random_, 20);
      const StepOutcome appended = RunStep(
          *engine_, {.store = store, .layer_ids = {3}, .entries = {{.id = 1, .keys = {keys}}}});
      EXPECT_TRUE(appended.entries[0].status.ok()) << appended.entries[0].status;
    }
  }

  std::unique_ptr<Backend> MakeDevice() {
    return MakeBackendUnderTest("reference", int64_t{1} << 20, executor_);
  }

  StepOutcome Select(const std::string& store) {
    return RunStep(*engine_, {.store = store,
                              .layer_ids = {3},
                              .entries = {{.id = 1, .queries = query_.codes, .tokens = 1}},
                              .policies = {kPolicy}});
  }

  InlineExecutor executor_;
  std::mt19937 random_{3};
  const Queries query_ = RandomQueries(random_, Estimator::kManhattan, 1);
  std::vector<absl::Status> failures_;
  std::unique_ptr<Engine> engine_;
};

TEST_F(FailureTest, TheBatchThatMetItIsNotAnswered) {
  const StepOutcome lost = Select("s");
  EXPECT_EQ(lost.entries[0].status.code(), StatusCode::kUnavailable);
  EXPECT_THAT(std::string(lost.entries[0].status.message()), HasSubstr("cudaErrorTest"));
  for (int64_t row = 0; row < lost.shape.rows; ++row) EXPECT_THAT(lost.Row(row), SizeIs(0));
}

TEST_F(FailureTest, IsReportedOnceWithTheReason) {
  EXPECT_THAT(failures_, SizeIs(0));
  for (int i = 0; i < 3; ++i) Select("s");
  ASSERT_THAT(failures_, SizeIs(1));
  EXPECT_EQ(failures_[0].code(), StatusCode::kUnavailable);
  EXPECT_THAT(std::string(failures_[0].message()), HasSubstr("cudaErrorTest"));
}

TEST_F(FailureTest, LaterWorkOnTheDeviceFailsAtOnce) {
  Select("s");
  const Bytes keys = RandomKeys(random_, 1);
  const StepOutcome append =
      RunStep(*engine_, {.layer_ids = {3}, .entries = {{.id = 1, .start = 20, .keys = {keys}}}});
  EXPECT_EQ(append.entries[0].status.code(), StatusCode::kUnavailable);
  EXPECT_EQ(append.entries[0].length, 20);
  StoreConfig config = SmallConfig();
  config.name = "late";
  EXPECT_EQ(engine_->CreateStore(config).status().code(), StatusCode::kUnavailable);
}

TEST_F(FailureTest, TheOtherDeviceGoesOn) {
  Select("s");
  const StepOutcome other = Select("other");
  EXPECT_TRUE(other.entries[0].status.ok()) << other.entries[0].status;
  EXPECT_THAT(other.Row(0), SizeIs(kPolicy.k));
  EXPECT_THAT(failures_, SizeIs(1));
}

class Ignore final : public BatchObserver {
 public:
  void OnBatchDone(const Batch&, absl::Status) override {}
};

TEST_F(FailureTest, IsReportedWhenAStoreMeetsItFirst) {
  auto device = CreateFailingBackend(MakeDevice(), [](const Batch&) { return true; });
  Ignore ignore;
  device->Submit({}, ignore);
  EngineOptions options;
  options.backends.push_back(std::move(device));
  int failures = 0;
  options.on_device_failure = [&failures](const absl::Status&) { ++failures; };
  Engine engine(std::move(options));
  EXPECT_EQ(engine.CreateStore(SmallConfig()).status().code(), StatusCode::kUnavailable);
  EXPECT_EQ(failures, 1);
}

}  // namespace
}  // namespace kvsift
