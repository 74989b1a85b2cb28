// The programs as scripts use them: exit codes, JSON alone on standard output.

#include <string>

#include "client/trace/trace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kernels/encode/encode.h"
#include "nlohmann/json.hpp"
#include "tests/client/run_program.h"
#include "tests/client/sample_store.h"
#include "tests/end_to_end/test_server.h"
#include "tests/test_files.h"

namespace kvsift {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

const std::string kTrace = TestData("traces/war-and-peace-layer-14.safetensors");

class CommandLine : public testing::TestWithParam<Transport> {
 protected:
  // Runs kvsift with a server to talk to; standard error joins the output where `errors`.
  Finished Kvsift(const std::string& arguments, bool errors = false) {
    return RunProgram(TestedProgram("kvsift") + " " + arguments + " --server " + server_.address() +
                      (errors ? " 2>&1" : " 2>/dev/null"));
  }

  // The same, for JSON.
  nlohmann::json KvsiftJson(const std::string& arguments) {
    const Finished finished = Kvsift(arguments + " --format json");
    EXPECT_EQ(finished.exit_code, 0) << arguments;
    return nlohmann::json::parse(finished.output, nullptr, false);
  }

  TestServer server_{{}, GetParam()};
};

TEST_P(CommandLine, StatusShowsTheServer) {
  const nlohmann::json status = KvsiftJson("status");
  EXPECT_EQ(status["limits"]["max_k"], 65536);
  const nlohmann::json& device = status["devices"][0];
  EXPECT_EQ(device["index"], 0);
  EXPECT_EQ(device["number"], 0);
  EXPECT_EQ(device["name"], status["backend"]);
  EXPECT_EQ(device["description"], status["backend_description"]);
  EXPECT_EQ(device["sharing"] == "none", status["backend"] != "cuda");
  const Finished text = Kvsift("status");
  EXPECT_EQ(text.exit_code, 0);
  EXPECT_THAT(text.output, HasSubstr("kvsift-server"));
  EXPECT_THAT(text.output, HasSubstr("device 0       " + std::string(device["name"]) + ": " +
                                     std::string(device["description"])));
}

TEST_P(CommandLine, StoresAndSequencesAreListedShownAndRemoved) {
  auto client = Client::Connect(server_.address(), {}, Soon());
  ASSERT_TRUE(client.ok()) << client.status();
  const auto store = (*client)->CreateStore(SampleConfig("a/b.c"), Soon());
  ASSERT_TRUE(store.ok()) << store.status();
  const std::vector<float> keys = SampleKeys(3);
  ASSERT_TRUE((*client)->Append(*store, SampleAppend(keys, {{77, 0, 3, {}}}), Soon()).ok());

  EXPECT_EQ(KvsiftJson("stores list")["stores"][0]["name"], "a/b.c");
  EXPECT_EQ(KvsiftJson("stores show a/b.c")["kv_heads"], 2);
  EXPECT_EQ(KvsiftJson("sequences list --store a/b.c")["sequences"][0]["id"], "77");
  EXPECT_EQ(KvsiftJson("sequences show --store a/b.c 77")["lengths"]["5"], 3);
  EXPECT_THAT(Kvsift("sequences list --store a/b.c").output, HasSubstr("77"));
  EXPECT_THAT(Kvsift("stores show a/b.c").output, HasSubstr("2, 5"));
  EXPECT_THAT(Kvsift("stores show a/b.c").output, HasSubstr("levels       nothing sampled"));
  EXPECT_EQ(KvsiftJson("stores show a/b.c")["level_deviation"], nullptr);
  EXPECT_EQ(Kvsift("sequences release --store a/b.c 77").exit_code, 0);
  EXPECT_EQ(Kvsift("sequences release --store a/b.c 77").exit_code, 1);
  EXPECT_EQ(Kvsift("stores delete a/b.c").exit_code, 0);
  EXPECT_EQ(Kvsift("stores show a/b.c").exit_code, 1);
}

// Keys of the trace under its own scales, and under scales of which each is half of that.
TEST_P(CommandLine, ShowsHowFarKeysAreFromTheirScales) {
  const auto trace = trace::Trace::Open(kTrace);
  ASSERT_TRUE(trace.ok()) << trace.status();
  const trace::TraceVectors& vectors = trace->layers().at(14).keys;
  const std::vector<std::byte> keys = trace::KeysByPosition(vectors, 4096);
  auto client = Client::Connect(server_.address(), {}, Soon());
  ASSERT_TRUE(client.ok()) << client.status();
  client::StoreConfig config = {.layer_ids = {14}, .kv_heads = 3, .query_heads = 9, .head_dim = 64};
  config.key_scales = *CalibrateKeyScales(64, 3, 4096, vectors.type, keys);
  for (const char* name : {"own", "half"}) {
    config.name = name;
    const auto store = (*client)->CreateStore(config, Soon());
    ASSERT_TRUE(store.ok()) << store.status();
    for (int64_t start = 0; start < 4096; start += 1024) {
      client::AppendRequest append = {.layer_ids = {14}, .entries = {{7, start, 1024, {}}}};
      append.keys = {std::span(keys).subspan(start * 3 * 64 * 2, 1024 * 3 * 64 * 2), vectors.type};
      ASSERT_TRUE((*client)->Append(*store, append, Soon()).ok());
    }
    for (float& scale : config.key_scales) scale /= 2;
  }
  EXPECT_LT(KvsiftJson("stores show own")["level_deviation"]["deviation"], 0.05);
  EXPECT_GT(KvsiftJson("stores show half")["level_deviation"]["deviation"], 0.25);
  EXPECT_THAT(Kvsift("stores show own").output, HasSubstr("within the limit of 0.15"));
  EXPECT_THAT(Kvsift("stores show half").output, HasSubstr("DRIFTED from the calibration"));
}

TEST_P(CommandLine, CalibratePrintsScalesPerLayerAndHead) {
  const auto scales = KvsiftJson("calibrate --positions 64 --trace " + kTrace);
  EXPECT_EQ(scales["layers"]["14"].size(), 3u);
  EXPECT_GT(scales["key_scales"][0], 0.0);
}

TEST_P(CommandLine, EvaluateReportsEveryMeasurement) {
  const auto report = KvsiftJson("evaluate --k 16 --groupings head,group_max --trace " + kTrace);
  const auto& layer = report["layers"]["14"];
  EXPECT_GT(layer["asymmetric_dot@16"]["recall"], 0.4);
  EXPECT_GT(layer["asymmetric_dot@16/group_max"]["mass"], 0.4);
  EXPECT_EQ(layer["exact@16"]["recall"], 1.0);
  EXPECT_EQ(KvsiftJson("stores list")["stores"].size(), 0u);
}

TEST_P(CommandLine, TheExampleSelects) {
  const Finished finished =
      RunProgram(TestedProgram("kvsift_example_select") + " " + server_.address());
  EXPECT_EQ(finished.exit_code, 0);
  EXPECT_EQ(finished.output, "0\n2\n");
}

TEST_P(CommandLine, FailuresExitWithOneAndSayWhy) {
  const Finished finished = Kvsift("stores show nothing-here", true);
  EXPECT_EQ(finished.exit_code, 1);
  EXPECT_THAT(finished.output, HasSubstr("NOT_FOUND"));
  EXPECT_EQ(Kvsift("evaluate --trace /no/such/file").exit_code, 1);
}

TEST_P(CommandLine, WrongUsageExitsWithTwo) {
  const Finished unknown = Kvsift("evaluate --trace x --estimators cosine");
  EXPECT_EQ(unknown.exit_code, 2);
  EXPECT_THAT(unknown.output, IsEmpty());
  EXPECT_EQ(Kvsift("status --no-such-flag").exit_code, 2);
  EXPECT_EQ(RunProgram(TestedProgram("kvsift") + " 2>/dev/null").exit_code, 2);
  EXPECT_EQ(RunProgram(TestedProgram("kvsift") + " --help").exit_code, 0);
}

INSTANTIATE_TEST_SUITE_P(Transports, CommandLine,
                         testing::Values(Transport::kTcp, Transport::kUnix),
                         [](const auto& transport) { return TransportName(transport.param); });

}  // namespace
}  // namespace kvsift
