// What kvsift-server tells Prometheus, fetched as Prometheus does.
#include <gmock/gmock.h>
#include <unistd.h>

#include <csignal>
#include <memory>
#include <string>
#include <vector>

#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "tests/end_to_end/program_test.h"
#include "tests/end_to_end/refusal.h"
#include "tests/end_to_end/requests.h"
#include "tests/rpc/http_get.h"
#include "tests/rpc/prometheus_text.h"

namespace kvsift {
namespace {

using Stub = v1::SelectionService::Stub;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

std::string Requests(const std::string& method, const std::string& code) {
  return "kvsift_requests_total{code=\"" + code + "\",method=\"" + method + "\"}";
}

class MetricsProgramTest : public ProgramTest {
 protected:
  // Starts a server with these options besides its addresses, and connects.
  void Serve(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(),
                     {"--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0"});
    program_ = Start(arguments);
    address_ = ListenedAddress(program_->ReadLine());
    stub_ = v1::SelectionService::NewStub(
        grpc::CreateChannel(address_, grpc::InsecureChannelCredentials()));
    metrics_ = MetricsAddress(program_->ReadLine());
  }

  static std::string MetricsAddress(const std::string& line) {
    EXPECT_THAT(line, StartsWith("metrics on "));
    return line.size() > 11 ? line.substr(11) : "";
  }

  PrometheusText Scrape() const {
    const HttpAnswer answer = HttpGet(metrics_, "/metrics");
    EXPECT_EQ(answer.status, 200);
    PrometheusText text(answer.body);
    EXPECT_THAT(text.problems(), IsEmpty());
    return text;
  }

  // A client has its answer a moment before the call is over and counted.
  PrometheusText ScrapeAfter(int calls) const {
    PrometheusText text = Scrape();
    for (int i = 0; i < 5000 && text.Sum("kvsift_requests_total") < calls; ++i) {
      usleep(1000);
      text = Scrape();
    }
    EXPECT_EQ(text.Sum("kvsift_requests_total"), calls);
    return text;
  }

  std::unique_ptr<Program> program_;
  std::string address_;
  std::unique_ptr<Stub> stub_;
  std::string metrics_;
};

TEST_F(MetricsProgramTest, AreServedOnlyIfAsked) {
  const auto program = Start({"--listen", "127.0.0.1:0"});
  ListenedAddress(program->ReadLine());
  program->Signal(SIGTERM);
  EXPECT_EQ(program->ReadLine(), "");
  EXPECT_EQ(program->Wait(), 0);
}

TEST_F(MetricsProgramTest, TheAddressIsPrintedAfterTheListenersAndEndsWithThem) {
  WriteConfig("metrics-listen = 127.0.0.1:0\n");
  const std::string socket = "unix:" + Path("socket");
  program_ = Start({"--config", Path("config"), "--listen", "127.0.0.1:0", "--listen", socket});
  ListenedAddress(program_->ReadLine());
  EXPECT_EQ(ListenedAddress(program_->ReadLine()), socket);
  metrics_ = MetricsAddress(program_->ReadLine());
  EXPECT_THAT(metrics_, StartsWith("127.0.0.1:"));
  EXPECT_NE(metrics_, "127.0.0.1:0");
  EXPECT_EQ(Scrape().Sum("kvsift_requests_total"), 0);
  program_->Signal(SIGTERM);
  EXPECT_EQ(program_->ReadLine(), "");
  EXPECT_EQ(program_->Wait(), 0);
  EXPECT_EQ(HttpGet(metrics_, "/metrics").status, 0);
}

TEST_F(MetricsProgramTest, AnAddressThatCannotServeThemEndsTheStart) {
  Serve({});
  ExpectFails({"--listen", "127.0.0.1:0", "--metrics-listen", metrics_}, 1,
              "cannot serve metrics on " + metrics_ + ": in use");
  ExpectFails({"--listen", "127.0.0.1:0", "--metrics-listen", address_}, 1,
              "cannot serve metrics on " + address_ + ": in use");
  ExpectFails({"--metrics-listen", "unix:" + Path("socket")}, 2,
              "expected HOST:PORT over IPv4, not IPv6 or a unix socket");
  ExpectFails({"--metrics-listen", "9090"}, 2, "--metrics-listen: listen: 9090");
  EXPECT_EQ(Scrape().Sum("kvsift_requests_total"), 0);  // the first is not disturbed
}

// An open stream holds the drain.
TEST_F(MetricsProgramTest, AreServedDuringADrain) {
  Serve({"--drain-timeout", "3600"});
  grpc::ClientContext context;
  v1::StreamAppendKeysResponse response;
  const auto writer = stub_->StreamAppendKeys(&context, &response);
  while (Scrape().Value("kvsift_open_streams") < 1) usleep(1000);
  program_->Signal(SIGTERM);
  while (Errors().find("draining") == std::string::npos) usleep(1000);
  EXPECT_EQ(Scrape().Value("kvsift_open_streams"), 1);
  program_->Signal(SIGTERM);
  EXPECT_EQ(program_->Wait(), 1);
}

TEST_F(MetricsProgramTest, SayWhatRuns) {
  Serve({"--backend", "reference", "--memory", "4MiB"});
  const PrometheusText text = Scrape();
  EXPECT_EQ(text.Value("kvsift_build_info{backend=\"reference\",version=\"0.1.0\"}"), 1);
  EXPECT_EQ(text.Sum("kvsift_device_info"), 1);
  EXPECT_EQ(text.Value("kvsift_memory_budget_bytes{device=\"0\"}"), 4 << 20);
}

TEST_F(MetricsProgramTest, CallsCountOnceEachWhateverBecomesOfThem) {
  Serve({});
  Random random(1);
  EXPECT_TRUE(Send(*stub_, &Stub::CreateStore, MakeCreate("s")).status.ok());
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(Send(*stub_, &Stub::Step, MakeStep("s", {{1, i, 1}}, random)).status.ok());
  }
  EXPECT_FALSE(Send(*stub_, &Stub::Step, MakeStep("unknown", {{1, 0, 1}}, random)).status.ok());
  EXPECT_TRUE(Send(*stub_, &Stub::AppendKeys, MakeAppend("s", {{2, 0, 5}}, random)).status.ok());
  EXPECT_FALSE(Send(*stub_, &Stub::Select, v1::SelectRequest()).status.ok());
  const PrometheusText text = ScrapeAfter(7);
  EXPECT_EQ(text.Value(Requests("CreateStore", "OK")), 1);
  EXPECT_EQ(text.Value(Requests("Step", "OK")), 3);
  EXPECT_EQ(text.Value(Requests("Step", "NOT_FOUND")), 1);
  EXPECT_EQ(text.Value(Requests("AppendKeys", "OK")), 1);
  EXPECT_EQ(text.Value(Requests("Select", "OK")), 0);
  EXPECT_EQ(text.Value("kvsift_request_duration_seconds_count{method=\"Step\"}"), 4);
  EXPECT_EQ(text.Value("kvsift_request_duration_seconds_count{method=\"AppendKeys\"}"), 1);
  EXPECT_EQ(text.Value("kvsift_stage_duration_seconds_count{stage=\"reply\"}"), 7);
  EXPECT_LT(text.Value("kvsift_stage_duration_seconds_sum{stage=\"reply\"}"), 60);
  EXPECT_EQ(text.Sum("kvsift_stores"), 1);
  EXPECT_EQ(text.Sum("kvsift_sequences"), 2);
  EXPECT_EQ(text.Sum("kvsift_positions"), 3 + 5);
  EXPECT_EQ(text.Sum("kvsift_memory_resident_bytes") + text.Sum("kvsift_memory_free_bytes"),
            text.Sum("kvsift_memory_budget_bytes"));
  EXPECT_GT(text.Sum("kvsift_memory_resident_bytes"), 0);
}

// One call at a time, so that nothing shares a batch. The store has 2 kv heads, 4 query heads.
TEST_F(MetricsProgramTest, WorkCountsExactly) {
  Serve({});
  Random random(3);
  EXPECT_TRUE(Send(*stub_, &Stub::CreateStore, MakeCreate("s")).status.ok());
  const auto append = MakeAppend("s", {{1, 0, 10}, {2, 0, 5}}, random);  // both layers
  EXPECT_TRUE(Send(*stub_, &Stub::AppendKeys, append).status.ok());
  EXPECT_TRUE(Send(*stub_, &Stub::AppendKeys, append).status.ok());  // stores nothing again
  EXPECT_TRUE(Send(*stub_, &Stub::Select, MakeSelect("s", {1, 2}, random)).status.ok());
  const auto step = MakeStep("s", {{1, 10, 1}, {2, 5, 1}}, random);  // one layer
  EXPECT_TRUE(Send(*stub_, &Stub::Step, step).status.ok());
  const PrometheusText text = ScrapeAfter(5);
  EXPECT_EQ(text.Sum("kvsift_selections_total"), 2 + 2);
  EXPECT_EQ(text.Sum("kvsift_selected_rows_total"), (2 + 2) * kQueryHeads);
  EXPECT_EQ(text.Sum("kvsift_keys_scanned_total"), (10 + 5) * 2 + (11 + 6) * 2);
  EXPECT_EQ(text.Sum("kvsift_appended_keys_total"), (10 + 5) * 2 * 2 + 2 * 2);
  EXPECT_EQ(text.Sum("kvsift_appended_bytes_total"), (10 + 5) * 2 * kKeyBytes + 2 * kKeyBytes);
  EXPECT_EQ(text.Sum("kvsift_positions"), 11 + 6);
  EXPECT_EQ(text.Value("kvsift_stage_duration_seconds_count{stage=\"queue\"}"), 4);
  EXPECT_EQ(text.Value("kvsift_batch_rows_sum"), (2 + 2) * kQueryHeads);
  EXPECT_EQ(text.Sum("kvsift_batches_total"), text.Value("kvsift_batch_works_count"));
  EXPECT_EQ(text.Value("kvsift_batches_total{device=\"0\",ok=\"false\"}"), 0);
  EXPECT_EQ(text.Value("kvsift_stage_duration_seconds_count{stage=\"device\"}"),
            text.Sum("kvsift_batches_total"));
  EXPECT_EQ(text.Value("kvsift_queued_requests"), 0);
  EXPECT_EQ(text.Value("kvsift_queued_bytes"), 0);
}

TEST_F(MetricsProgramTest, EntriesThatFailCountByReason) {
  Serve({});
  Random random(4);
  EXPECT_TRUE(Send(*stub_, &Stub::CreateStore, MakeCreate("s")).status.ok());
  const auto append = MakeAppend("s", {{1, 0, 10}, {2, 5, 1}, {3, 7, 1}}, random);
  EXPECT_EQ(Send(*stub_, &Stub::AppendKeys, append).entry_errors.size(), 2u);  // gaps
  EXPECT_EQ(Send(*stub_, &Stub::Select, MakeSelect("s", {1, 9}, random)).entry_errors.size(), 1u);
  EXPECT_EQ(Send(*stub_, &Stub::Step, MakeStep("s", {{1, 77, 1}}, random)).entry_errors.size(), 1u);
  grpc::ClientContext context;
  v1::StreamAppendKeysResponse response;
  const auto writer = stub_->StreamAppendKeys(&context, &response);
  v1::StreamAppendKeysRequest message;
  message.set_store("s");
  *message.mutable_keys() = MakeAppend("s", {{4, 9, 1}}, random).keys();
  EXPECT_TRUE(writer->Write(message));
  writer->WritesDone();
  EXPECT_TRUE(writer->Finish().ok());
  EXPECT_EQ(response.entry_errors_size(), 1);
  const PrometheusText text = ScrapeAfter(5);
  EXPECT_EQ(text.Value("kvsift_entry_errors_total{code=\"FAILED_PRECONDITION\"}"), 4);
  EXPECT_EQ(text.Value("kvsift_entry_errors_total{code=\"NOT_FOUND\"}"), 1);
  EXPECT_EQ(text.Sum("kvsift_entry_errors_total"), 5);
  EXPECT_EQ(text.Value(Requests("StreamAppendKeys", "OK")), 1);
  EXPECT_EQ(text.Value(Requests("AppendKeys", "OK")), 1);
  EXPECT_EQ(text.Value(Requests("Select", "OK")), 1);
}

// Random codes take every level alike, as no scale promises.
TEST_F(MetricsProgramTest, AStoreThatHasDriftedIsLoggedOnceAndCounted) {
  Serve({});
  Random random(6);
  EXPECT_TRUE(Send(*stub_, &Stub::CreateStore, MakeCreate("s")).status.ok());
  const auto append = [&](uint64_t first, uint64_t end) {
    for (uint64_t id = first; id < end; ++id) {
      EXPECT_TRUE(
          Send(*stub_, &Stub::AppendKeys, MakeAppend("s", {{id, 0, 64}}, random)).status.ok());
    }
  };
  append(0, 31);
  EXPECT_EQ(Scrape().Sum("kvsift_drifted_stores"), 0);
  EXPECT_EQ(Scrape().Sum("kvsift_level_deviation_ratio"), 0);
  EXPECT_THAT(Errors(), Not(HasSubstr("keys deviate")));
  append(31, 40);
  EXPECT_EQ(Scrape().Sum("kvsift_drifted_stores"), 1);
  EXPECT_NEAR(Scrape().Sum("kvsift_level_deviation_ratio"), 0.173, 0.02);
  const std::string log = Errors();
  const size_t said = log.find("keys deviate from their scales store=s layer=");
  ASSERT_NE(said, std::string::npos) << log;
  EXPECT_EQ(log.find("keys deviate", said + 1), std::string::npos) << log;
}

TEST_F(MetricsProgramTest, EachStepOfAHeldStreamIsACall) {
  Serve({});
  Random random(2);
  ASSERT_TRUE(Send(*stub_, &Stub::CreateStore, MakeCreate("s")).status.ok());
  grpc::ClientContext context;
  const auto stream = stub_->StreamSteps(&context);
  for (const char* store : {"s", "s", "unknown"}) {
    v1::StreamStepsRequest request;
    *request.mutable_step() = MakeStep(store, {{1, 0, 1}, {2, 9, 1}}, random);
    v1::StreamStepsResponse response;
    ASSERT_TRUE(stream->Write(request) && stream->Read(&response));
  }
  const PrometheusText held = ScrapeAfter(4);
  EXPECT_EQ(held.Value("kvsift_open_streams"), 1);
  EXPECT_EQ(held.Value(Requests("StreamSteps", "OK")), 2);
  EXPECT_EQ(held.Value(Requests("StreamSteps", "NOT_FOUND")), 1);
  EXPECT_EQ(held.Sum("kvsift_entry_errors_total"), 3);  // sequence 2 twice, and keys that differ
  stream->WritesDone();
  EXPECT_TRUE(stream->Finish().ok());
  PrometheusText after = Scrape();
  for (int i = 0; i < 5000 && after.Value("kvsift_open_streams") > 0; ++i) {
    usleep(1000);
    after = Scrape();
  }
  EXPECT_EQ(after.Value("kvsift_open_streams"), 0);
  EXPECT_EQ(after.Sum("kvsift_requests_total"), 4);
}

}  // namespace
}  // namespace kvsift
