// kvsift-load as scripts use it: JSON alone on standard output, exit codes, wrong answers found.

#include <cstdio>
#include <filesystem>
#include <string>
#include <thread>

#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kernels/backends.h"
#include "nlohmann/json.hpp"
#include "tests/client/load_spoiling_backend.h"
#include "tests/client/run_program.h"
#include "tests/client/sample_store.h"
#include "tests/end_to_end/program.h"
#include "tests/end_to_end/test_server.h"
#include "tests/test_files.h"

namespace kvsift {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::IsEmpty;

// Small, and no longer than it takes to see a few intervals.
constexpr char kSmall[] =
    " --workers 2 --context 200 --grow 20 --layers 2 --kv-heads 2 --query-heads 4 --head-dim 32"
    " --k 16 --warm-up 100ms --duration 600ms --verify 0.05";

Finished Load(const std::string& arguments) {
  return RunProgram(TestedProgram("kvsift-load") + " " + arguments);
}

json LoadJson(const std::string& arguments) {
  const Finished finished = Load(arguments + " --format json 2>/dev/null");
  EXPECT_EQ(finished.exit_code, 0) << arguments;
  return json::parse(finished.output, nullptr, false);
}

// What every report has, and figures that fit together.
void ExpectComplete(const json& report, const std::string& scenario) {
  ASSERT_TRUE(report.is_object());
  for (const char* field : {"kvsift_load", "command", "started", "duration_s", "rows",
                            "keys_scanned", "bytes", "verified", "echo", "ratio", "percentiles",
                            "operations", "intervals", "config", "machine", "server"}) {
    EXPECT_TRUE(report.contains(field)) << field;
  }
  EXPECT_EQ(report["scenario"], scenario);
  EXPECT_EQ(report["errors"], json::object());
  EXPECT_EQ(report["differences"], 0);
  EXPECT_GT(report["requests"], 0);
  EXPECT_NEAR(report["rate_per_s"].get<double>() * report["duration_s"].get<double>(),
              report["requests"].get<double>(), 1);
  const json& latency = report["latency_us"];
  EXPECT_GT(latency["p50"], 0);
  EXPECT_LE(latency["p50"], latency["p99"]);
  EXPECT_LE(latency["p99"], latency["p999"]);
  EXPECT_LE(latency["p999"], latency["max"]);
  EXPECT_EQ(report["percentiles"][0][0], 0.0);
  EXPECT_EQ(report["percentiles"].back()[1], latency["max"]);
  EXPECT_FALSE(report["intervals"].empty());
  EXPECT_GT(report["ratio"]["p50"], 0);
  EXPECT_GT(report["machine"]["cores"], 0);
  EXPECT_EQ(report["server"]["backend"].is_string(), true);
}

class LoadProgram : public testing::Test {
 protected:
  std::string Server() const { return "--server " + server_.address(); }

  // No run leaves a store behind.
  void TearDown() override {
    auto client = Client::Connect(server_.address(), {}, Soon());
    ASSERT_TRUE(client.ok()) << client.status();
    EXPECT_THAT(*(*client)->ListStores(Soon()), IsEmpty());
  }

  TestServer server_;
};

TEST_F(LoadProgram, EveryScenarioReports) {
  for (const char* scenario : {"decode", "prefill", "mixed", "select-only", "churn"}) {
    SCOPED_TRACE(scenario);
    const json report = LoadJson(Server() + " --scenario " + scenario + kSmall);
    ExpectComplete(report, scenario);
    EXPECT_GT(report["verified"], 0);
    EXPECT_EQ(report["operations"].contains("step"),
              report["scenario"] == "decode" || report["scenario"] == "mixed");
    EXPECT_EQ(report.contains("socket"), report["scenario"] != "prefill");
  }
}

TEST_F(LoadProgram, RawVectorsAndGroupingsAreVerifiedToo) {
  const json raw = LoadJson(Server() + kSmall + " --raw --grouping layer_max --no-echo");
  EXPECT_GT(raw["verified"], 0);
  EXPECT_EQ(raw["config"]["vectors"], "float16");
  EXPECT_FALSE(raw.contains("echo"));
  const json traced =
      LoadJson(Server() +
               " --scenario select-only --no-echo --context 500 --k 16 --verify 0.02 "
               "--warm-up 0 --duration 300ms --grouping group_union --sequences 2 --trace " +
               TestData("traces/war-and-peace-layer-14.safetensors"));
  EXPECT_EQ(traced["config"]["kv_heads"], 3);
  EXPECT_GT(traced["verified"], 0);
}

TEST_F(LoadProgram, AnOpenLoopKeepsItsRate) {
  const json report = LoadJson(Server() + kSmall + " --rate 200 --arrival constant --no-echo");
  EXPECT_NEAR(report["rate_per_s"].get<double>(), 200, 20);
  EXPECT_EQ(report["config"]["loop"], "open");
}

TEST_F(LoadProgram, TheHighestRateIsLookedFor) {
  const json report = LoadJson(Server() + kSmall +
                               " --find-max --objective p50=1s --no-echo --warm-up 0 "
                               "--duration 100ms --verify 0");
  EXPECT_GT(report["find_max"]["rate_per_s"], 0);
  EXPECT_EQ(report["find_max"]["kept"], 3);
}

TEST_F(LoadProgram, TheTableAndThePageAreForPeople) {
  const std::string page = testing::TempDir() + "kvsift-load-test.html";
  const Finished finished = Load(Server() + kSmall + " --report " + page);
  EXPECT_EQ(finished.exit_code, 0);
  EXPECT_THAT(finished.output, HasSubstr("errors      none"));
  EXPECT_THAT(finished.output, HasSubstr("x the echo's"));
  EXPECT_GT(std::filesystem::file_size(page), 1000u);
  std::filesystem::remove(page);
}

TEST_F(LoadProgram, AnInterruptEndsItAndCleansUp) {
  const Finished finished =
      RunProgram("timeout --foreground -s INT 1 " + TestedProgram("kvsift-load") + " " + Server() +
                 kSmall + " --duration 60s --format json --no-echo 2>/dev/null; echo $?");
  EXPECT_GT(json::parse(finished.output.substr(0, finished.output.rfind('}') + 1))["requests"], 0);
}

TEST_F(LoadProgram, WrongUsageExitsWithTwo) {
  for (const std::string& arguments :
       {std::string("--scenario decode"), Server() + " --scenario nothing", Server() + " --k 0",
        Server() + " --rate 0", Server() + " --duration 0", Server() + " --verify 2",
        Server() + " --kv-heads 3 --query-heads 4", Server() + " --sinks 300",
        Server() + " --find-max --objective p98=1ms", std::string("compare one.json"),
        std::string("--server nowhere")}) {
    const Finished finished = Load(arguments + " 2>/dev/null");
    EXPECT_EQ(finished.exit_code, 2) << arguments;
    EXPECT_THAT(finished.output, IsEmpty()) << arguments;
  }
  EXPECT_EQ(Load("--help >/dev/null").exit_code, 0);
}

TEST_F(LoadProgram, WhatCannotBeDoneExitsWithThree) {
  const Finished gone = Load("--server 127.0.0.1:1 --timeout 1s 2>&1");
  EXPECT_EQ(gone.exit_code, 3);
  EXPECT_THAT(gone.output, HasSubstr("UNAVAILABLE"));
  const Finished too_much = Load(Server() + kSmall + " --k 70000 2>&1");
  EXPECT_EQ(too_much.exit_code, 3);
  EXPECT_THAT(too_much.output, HasSubstr("policies[0].k"));
}

// A server with a backend of ours.
ServerOptions Spoiled(int period) {
  ServerOptions options;
  options.make_backends = [period](Executor& executor) {
    auto inner = CreateBackend("cpu", {.memory_bytes = int64_t{64} << 20, .executor = &executor});
    EXPECT_TRUE(inner.ok()) << inner.status();
    return absl::StatusOr<std::vector<std::unique_ptr<Backend>>>(
        OneBackend(std::make_unique<SpoilingBackend>(*std::move(inner), period)));
  };
  return options;
}

TEST(LoadProgramAndAFaultyServer, TheWrongAnswerIsFoundWrittenAndReproduced) {
  const std::string folder = testing::TempDir() + "kvsift-load-dumps";
  std::filesystem::remove_all(folder);
  std::filesystem::create_directory(folder);
  std::string dump;
  {
    TestServer faulty(Spoiled(1));
    const Finished finished = Load("--server " + faulty.address() + kSmall + " --dump-to " +
                                   folder + " --format json --no-echo 2>/dev/null");
    EXPECT_EQ(finished.exit_code, 1);
    EXPECT_GE(json::parse(finished.output)["differences"], 1);
    for (const auto& file : std::filesystem::directory_iterator(folder)) dump = file.path();
    ASSERT_THAT(dump, HasSubstr("kvsift-load-wrong-answer"));
    const Finished again = Load("reproduce " + dump + " --server " + faulty.address());
    EXPECT_EQ(again.exit_code, 1);
    EXPECT_THAT(again.output, HasSubstr("still different: row 0"));
  }
  TestServer healthy;
  const Finished healed = Load("reproduce " + dump + " --server " + healthy.address());
  EXPECT_EQ(healed.exit_code, 0);
  EXPECT_THAT(healed.output, HasSubstr("the answer is right now"));
  EXPECT_EQ(Load("reproduce " + dump + " --server 127.0.0.1:1 2>/dev/null").exit_code, 3);
  std::filesystem::remove_all(folder);
}

TEST(LoadProgramAndARestart, TheRunGoesOnWithTheNextServer) {
  const std::string address = "unix:" + testing::TempDir() + "kvsift-load-restart.sock";
  const std::string log = testing::TempDir() + "kvsift-load-restart.log";
  const auto start = [&] {
    auto server = std::make_unique<Program>(ServerProgram(),
                                            std::vector<std::string>{"--listen", address}, log);
    EXPECT_THAT(server->ReadLine(), HasSubstr("listening on"));
    return server;
  };
  auto server = start();
  Finished finished;
  std::thread load([&] {
    finished =
        Load("--server " + address + kSmall + " --duration 3s --no-echo --format json 2>/dev/null");
  });
  absl::SleepFor(absl::Seconds(1));
  server.reset();
  server = start();
  load.join();
  EXPECT_EQ(finished.exit_code, 0);
  const json report = json::parse(finished.output, nullptr, false);
  EXPECT_FALSE(report["errors"].empty());
  EXPECT_EQ(report["differences"], 0);
  EXPECT_GT(report["verified"], 0);
  EXPECT_GT(report["intervals"].back()["count"], 0);
}

}  // namespace
}  // namespace kvsift
