#include "server/rpc/metrics/metrics_server.h"

#include <gmock/gmock.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <ctime>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "kernels/backends.h"
#include "kernels/executor.h"
#include "tests/rpc/http_get.h"
#include "tests/rpc/prometheus_text.h"

namespace kvsift {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

constexpr int64_t kDeviceBytes = 1 << 20;

class MetricsServerTest : public testing::Test {
 protected:
  MetricsServerTest() : engine_({.backends = Backends(), .limits = {}}) {}

  std::vector<std::unique_ptr<Backend>> Backends() {
    std::vector<std::unique_ptr<Backend>> backends;
    for (int i = 0; i < 2; ++i) {
      auto made =
          CreateBackend("reference", {.memory_bytes = kDeviceBytes, .executor = &executor_});
      EXPECT_TRUE(made.ok()) << made.status();
      devices_.push_back((*made)->info());
      backends.push_back(*std::move(made));
    }
    return backends;
  }

  absl::StatusOr<std::unique_ptr<MetricsServer>> Start(const std::string& address) {
    return MetricsServer::Start(*ParseIpv4Address(address), metrics_, engine_, unread_);
  }

  static PrometheusText Scrape(const MetricsServer& server) {
    const HttpAnswer answer = HttpGet(server.address(), "/metrics");
    EXPECT_EQ(answer.status, 200);
    PrometheusText text(answer.body);
    EXPECT_THAT(text.problems(), IsEmpty());
    return text;
  }

  InlineExecutor executor_;
  std::vector<BackendInfo> devices_;
  Engine engine_;
  UnreadAnswers unread_{1 << 20};
  Metrics metrics_{devices_};
};

TEST_F(MetricsServerTest, AnswersOnTheRealPort) {
  const auto server = Start("127.0.0.1:0");
  ASSERT_TRUE(server.ok()) << server.status();
  EXPECT_NE((*server)->address(), "127.0.0.1:0");
  metrics_.OnStreams(1);
  EXPECT_EQ(Scrape(**server).Value("kvsift_open_streams"), 1);
  EXPECT_EQ(HttpGet((*server)->address(), "/").status, 404);
  EXPECT_EQ(HttpGet((*server)->address(), "/etc/passwd").status, 404);
}

TEST_F(MetricsServerTest, EndsAtOnceWhereNobodyHoldsItUp) {
  auto server = Start("127.0.0.1:0");
  ASSERT_TRUE(server.ok()) << server.status();
  for (int i = 0; i < 3; ++i) Scrape(**server);
  const auto began = std::chrono::steady_clock::now();
  server->reset();
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(1));
}

TEST_F(MetricsServerTest, AnswersWhereNamesPoint) {
  for (const char* address : {"localhost:0", "0.0.0.0:0"}) {
    const auto server = Start(address);
    ASSERT_TRUE(server.ok()) << server.status();
    EXPECT_THAT((*server)->address(), testing::Not(testing::EndsWith(":0")));
  }
}

TEST_F(MetricsServerTest, AsksTheEngineForItsState) {
  const auto server = Start("127.0.0.1:0");
  ASSERT_TRUE(server.ok()) << server.status();
  ASSERT_TRUE(engine_
                  .CreateStore({.name = "a",
                                .layer_ids = {0},
                                .shape = {.layers = 1,
                                          .kv_heads = 1,
                                          .query_heads = 1,
                                          .head_dim = 32,
                                          .key_bits = 1},
                                .key_scales = {},
                                .device = 1})
                  .ok());
  const std::vector<std::byte> key(4);
  const std::vector<int32_t> layers = {0};
  StepEntry entry;
  entry.sequence_id = 5;
  entry.key_count = 1;
  StepRequest request;
  request.store = "a";
  request.layer_ids = layers;
  request.entries = {&entry, 1};
  request.keys.bytes = key;
  engine_.Step(request, nullptr,
               [](const StepResult& result) { EXPECT_TRUE(result.status.ok()) << result.status; });
  const PrometheusText text = Scrape(**server);
  const MemoryUse used = engine_.Shards()[1].memory;
  EXPECT_GT(used.resident_bytes, 0);
  EXPECT_EQ(text.Value("kvsift_memory_budget_bytes{device=\"0\"}"), kDeviceBytes);
  EXPECT_EQ(text.Value("kvsift_memory_resident_bytes{device=\"0\"}"), 0);
  EXPECT_EQ(text.Value("kvsift_memory_resident_bytes{device=\"1\"}"), used.resident_bytes);
  EXPECT_EQ(text.Value("kvsift_memory_free_bytes{device=\"1\"}"), used.free_bytes);
  EXPECT_EQ(text.Value("kvsift_memory_fragmented_bytes{device=\"1\"}"), used.fragmented_bytes);
  EXPECT_EQ(text.Value("kvsift_stores{device=\"0\"}"), 0);
  EXPECT_EQ(text.Value("kvsift_stores{device=\"1\"}"), 1);
  EXPECT_EQ(text.Value("kvsift_sequences{device=\"1\"}"), 1);
  EXPECT_EQ(text.Value("kvsift_positions{device=\"1\"}"), 1);
  EXPECT_EQ(text.Value("kvsift_queued_requests"), 0);
  EXPECT_EQ(text.Value("kvsift_queued_bytes"), 0);
}

TEST_F(MetricsServerTest, SaysWhatIsNotRead) {
  const auto server = Start("127.0.0.1:0");
  ASSERT_TRUE(server.ok()) << server.status();
  UnreadAnswers::Holder holder(nullptr, 1);  // nobody is sent away here
  unread_.Add(holder, 4000);
  unread_.Add(holder, 500);
  EXPECT_EQ(Scrape(**server).Value("kvsift_unread_answer_bytes"), 4500);
  unread_.Remove(holder, 4000);
  unread_.Remove(holder, 500);
  EXPECT_EQ(Scrape(**server).Value("kvsift_unread_answer_bytes"), 0);
}

TEST_F(MetricsServerTest, SaysWhatTheKernelKnowsOfTheProcess) {
  const auto server = Start("127.0.0.1:0");
  ASSERT_TRUE(server.ok()) << server.status();
  const PrometheusText before = Scrape(**server);
  const double start = before.Value("process_start_time_seconds");
  EXPECT_NEAR(start, static_cast<double>(std::time(nullptr)), 24 * 3600);
  EXPECT_GT(before.Value("process_resident_memory_bytes"), 1 << 20);
  EXPECT_GT(before.Value("process_virtual_memory_bytes"),
            before.Value("process_resident_memory_bytes"));
  EXPECT_GE(before.Value("process_cpu_seconds_total"), 0);
  EXPECT_GE(before.Value("process_max_fds"), before.Value("process_open_fds"));
  const int more = dup(STDERR_FILENO);
  const int still_more = dup(STDERR_FILENO);
  const PrometheusText after = Scrape(**server);
  close(more);
  close(still_more);
  EXPECT_EQ(after.Value("process_open_fds"), before.Value("process_open_fds") + 2);
  EXPECT_EQ(after.Value("process_start_time_seconds"), start);
}

TEST_F(MetricsServerTest, AnAddressInUseIsRefused) {
  const auto server = Start("127.0.0.1:0");
  ASSERT_TRUE(server.ok()) << server.status();
  const auto second = Start((*server)->address());
  EXPECT_EQ(second.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(second.status().message()),
              HasSubstr("cannot serve metrics on " + (*server)->address()));
  EXPECT_FALSE(Start("no-such-host.invalid:0").ok());
  EXPECT_FALSE(Start("192.0.2.1:0").ok());
}

// Clients that connect and say nothing, more of them than there are threads.
TEST_F(MetricsServerTest, SilentClientsHoldUpNeitherAnswersForLongNorTheEnd) {
  auto server = Start("127.0.0.1:0");
  ASSERT_TRUE(server.ok()) << server.status();
  std::vector<int> silent;
  for (int i = 0; i < 3; ++i) silent.push_back(ConnectTo((*server)->address()));
  EXPECT_EQ(HttpGet((*server)->address(), "/metrics").status, 200);
  for (int i = 0; i < 3; ++i) silent.push_back(ConnectTo((*server)->address()));
  const auto began = std::chrono::steady_clock::now();
  const std::string address = (*server)->address();
  server->reset();
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(10));
  EXPECT_EQ(HttpGet(address, "/metrics").status, 0);
  for (const int fd : silent) close(fd);
}

}  // namespace
}  // namespace kvsift
