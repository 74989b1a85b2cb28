// kvsift-load over several servers, one of which goes in the middle.
#include <thread>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/client/run_program.h"
#include "tests/client/sample_store.h"
#include "tests/end_to_end/test_server.h"
#include "tests/test_files.h"

namespace kvsift {
namespace {

using nlohmann::json;

ServerOptions Incarnation(uint64_t incarnation) {
  ServerOptions options;
  options.incarnation = incarnation;
  return options;
}

json Load(const std::string& servers, const std::string& scenario) {
  const Finished finished = RunProgram(
      TestedProgram("kvsift-load") + " --server " + servers + " --scenario " + scenario +
      " --workers 4 --sequences 4 --context 100 --grow 20 --layers 2 --kv-heads 2 --query-heads 4"
      " --head-dim 32 --k 16 --warm-up 0 --duration 1s --verify 0.05 --format json 2>&1");
  EXPECT_EQ(finished.exit_code, 0) << finished.output;
  return json::parse(finished.output, nullptr, false);
}

TEST(LoadPool, EveryScenarioLoadsAllMembers) {
  TestServer first(Incarnation(1));
  TestServer second(Incarnation(2));
  for (const char* scenario : {"decode", "prefill", "mixed", "select-only", "churn"}) {
    SCOPED_TRACE(scenario);
    const json report = Load(first.address() + "," + second.address(), scenario);
    ASSERT_TRUE(report.is_object());
    EXPECT_GT(report["verified"], 0);
    EXPECT_EQ(report["differences"], 0);
    EXPECT_EQ(report["errors"], json::object());
    EXPECT_EQ(report["pool"]["members"].size(), 2u);
    EXPECT_EQ(report["pool"]["moved_sequences"], 0);
  }
  for (const TestServer* server : {&first, &second}) {
    auto client = Client::Connect(server->address(), {}, Soon());
    EXPECT_TRUE((*client)->ListStores(Soon())->empty());
  }
}

TEST(LoadPool, ALostMemberIsNoErrorInAnyScenario) {
  for (const char* scenario : {"decode", "prefill", "select-only", "churn"}) {
    SCOPED_TRACE(scenario);
    auto first = std::make_unique<TestServer>(Incarnation(1));
    TestServer second(Incarnation(2));
    const std::string servers = first->address() + "," + second.address();
    // In the middle of the run, once there are sequences.
    std::thread ends([&first] {
      while (first->server().engine().ListStores("", 1).empty()) {
        absl::SleepFor(absl::Milliseconds(5));
      }
      absl::SleepFor(absl::Milliseconds(400));
      first.reset();
    });
    const json report = Load(servers, scenario);
    ends.join();
    ASSERT_TRUE(report.is_object());
    EXPECT_EQ(report["differences"], 0);
    EXPECT_EQ(report["errors"], json::object());
    EXPECT_GT(report["verified"], 0);
  }
}

}  // namespace
}  // namespace kvsift
