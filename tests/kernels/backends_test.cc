#include "kernels/backends.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace kvsift {
namespace {

using testing::Contains;
using testing::HasSubstr;

constexpr int64_t kMemory = int64_t{1} << 20;

class BackendsTest : public testing::Test {
 protected:
  absl::StatusOr<std::unique_ptr<Backend>> Create(const std::string& name) {
    return CreateBackend(name, *ReservePageMemory(kMemory), executor_);
  }

  InlineExecutor executor_;
};

TEST_F(BackendsTest, EveryNamedBackendSaysItsNameAndMemory) {
  EXPECT_THAT(BackendNames(), Contains("reference"));
  for (const std::string& name : BackendNames()) {
    const auto backend = Create(name);
    ASSERT_TRUE(backend.ok()) << backend.status();
    EXPECT_EQ((*backend)->info().name, name);
    EXPECT_EQ((*backend)->info().memory_bytes, kMemory);
    EXPECT_FALSE((*backend)->info().description.empty());
  }
}

TEST_F(BackendsTest, AutoIsTheFirstThatWorks) {
  const auto backend = Create("auto");
  ASSERT_TRUE(backend.ok()) << backend.status();
  EXPECT_THAT(BackendNames(), Contains((*backend)->info().name));
}

TEST_F(BackendsTest, AnUnknownNameIsRefusedWithTheKnownOnes) {
  const auto backend = Create("abacus");
  EXPECT_EQ(backend.status().code(), absl::StatusCode::kInvalidArgument);
  const std::string message(backend.status().message());
  EXPECT_THAT(message, HasSubstr("\"abacus\""));
  for (const std::string& name : BackendNames()) EXPECT_THAT(message, HasSubstr(name));
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
