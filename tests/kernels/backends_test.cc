#include "kernels/backends.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/kernels/backends_under_test.h"
#include "tests/kernels/contract/scattering_executor.h"

namespace kvsift {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

constexpr int64_t kMemory = int64_t{1} << 20;

class BackendsTest : public testing::Test {
 protected:
  absl::StatusOr<std::unique_ptr<Backend>> Create(const std::string& name) {
    return CreateBackend(name, Options());
  }

  BackendOptions Options() {
    return {.memory_bytes = kMemory, .executor = &executor_, .completions = &executor_};
  }

  ScatteringExecutor executor_{2, 1};
};

TEST_F(BackendsTest, EveryBuildKnowsTheSameNames) {
  EXPECT_THAT(BackendNames(), ElementsAre("cuda", "cpu", "reference"));
}

TEST_F(BackendsTest, EveryBackendSaysItsNameAndMemory) {
  for (const std::string& name : BackendsUnderTest()) {
    const auto backend = Create(name);
    ASSERT_TRUE(backend.ok()) << backend.status();
    EXPECT_EQ((*backend)->info().name, name);
    EXPECT_EQ((*backend)->info().memory_bytes, kMemory);
    EXPECT_FALSE((*backend)->info().description.empty());
    EXPECT_EQ((*backend)->info().sharing == DeviceSharing::kNotShared, name != "cuda");
  }
}

TEST_F(BackendsTest, ABackendThatCannotRunSaysWhyAndAutoSaysItToo) {
  std::vector<std::string> reasons;
  for (const std::string& name : BackendNames()) {
    const absl::Status status = ChooseBackend(name).status();
    if (status.ok()) break;
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << name;
    EXPECT_THAT(std::string(status.message()), HasSubstr(name + ": "));
    EXPECT_EQ(Create(name).status(), status);
    reasons.emplace_back(status.message());
  }
  const auto choice = ChooseBackend("auto");
  ASSERT_TRUE(choice.ok()) << choice.status();
  ASSERT_THAT(choice->passed_over, SizeIs(reasons.size()));
  for (size_t i = 0; i < reasons.size(); ++i) {
    EXPECT_EQ(choice->passed_over[i].message(), reasons[i]);
  }
  EXPECT_EQ(choice->name, BackendsUnderTest().front());
}

// No machine has that many.
TEST_F(BackendsTest, AGpuThatIsNotThereIsRefused) {
  EXPECT_EQ(ChooseBackend("cuda", 1000).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ChooseBackend("auto", 1000)->name, "cpu");
}

TEST_F(BackendsTest, AutoIsTheFirstThatWorks) {
  const auto backend = Create("auto");
  ASSERT_TRUE(backend.ok()) << backend.status();
  EXPECT_EQ((*backend)->info().name, BackendsUnderTest().front());
}

TEST_F(BackendsTest, WithoutAThreadForCompletionsAutoIsNoGpu) {
  BackendOptions options = Options();
  options.completions = nullptr;
  const auto backend = CreateBackend("auto", options);
  ASSERT_TRUE(backend.ok()) << backend.status();
  EXPECT_NE((*backend)->info().name, "cuda");
}

TEST_F(BackendsTest, MemoryThatCannotBeHadIsRefused) {
  BackendOptions options = Options();
  options.reserve = [](int64_t) { return absl::ResourceExhaustedError("no memory"); };
  for (const char* name : {"cpu", "reference"}) {
    const absl::Status status = CreateBackend(name, options).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << name;
    EXPECT_THAT(std::string(status.message()), HasSubstr("no memory"));
  }
}

TEST_F(BackendsTest, AnUnknownNameIsRefusedWithTheKnownOnes) {
  for (const absl::Status& status : {Create("abacus").status(), ChooseBackend("abacus").status()}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    const std::string message(status.message());
    EXPECT_THAT(message, HasSubstr("\"abacus\""));
    for (const std::string& name : BackendNames()) EXPECT_THAT(message, HasSubstr(name));
  }
}

TEST(InlineExecutorTest, EveryTaskRunsOnceBeforeDone) {
  InlineExecutor executor;
  std::vector<int64_t> order;
  executor.Run(
      3, [&](int64_t task) { order.push_back(task); }, [&] { order.push_back(-1); });
  EXPECT_EQ(order, (std::vector<int64_t>{0, 1, 2, -1}));
}

}  // namespace
}  // namespace kvsift
