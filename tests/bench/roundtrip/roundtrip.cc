// Measures what a Select costs above the transport: the round trip of one sequence over a unix
// socket against an echo of the same bytes through the same gRPC set-up, call by call in turn, in
// one run. Prints the p50 of both and their ratio; the goal for 64 positions is 1.5.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "kvsift/v1/selection.grpc.pb.h"
#include "nlohmann/json.hpp"
#include "server/rpc/log.h"
#include "server/rpc/server.h"
#include "tests/bench/roundtrip/echo_server.h"

namespace kvsift {
namespace {

using Stub = v1::SelectionService::Stub;

constexpr int kWarmUpCalls = 500;
constexpr int kChunkPositions = 4096;  // of an append

struct Config {
  int calls = 5000;
  int kv_heads = 2;
  int query_heads = 8;
  int head_dim = 128;
  int positions = 64;
  int k = 16;
  std::string backend = "auto";
  std::string json;      // file for the result
  double max_ratio = 0;  // fail above it; 0: never
};

struct Sample {
  double p50_us = 0;
  double p99_us = 0;
};

// Ends the program: a benchmark of errors means nothing.
void Check(const grpc::Status& status) {
  if (status.ok()) return;
  std::cerr << status.error_message() << std::endl;
  std::exit(1);
}

std::string RandomBytes(size_t count) {
  std::mt19937 random(1);
  std::string bytes(count, '\0');
  // Plane 3 stays clear of plane 0's complement, so that no code is -8: every byte is 0 or 255.
  for (char& byte : bytes) byte = random() % 2 == 0 ? '\0' : '\x7f';
  return bytes;
}

void AppendChunk(Stub& stub, const Config& config, int start, int count) {
  v1::AppendKeysRequest append;
  append.set_store("roundtrip");
  append.mutable_keys()->add_layer_ids(0);
  append.mutable_keys()->add_sequence_ids(1);
  append.mutable_keys()->add_starts(start);
  append.mutable_keys()->add_counts(count);
  append.mutable_keys()->set_element_type(v1::ELEMENT_TYPE_FLOAT16);
  append.mutable_keys()->set_keys(
      RandomBytes(static_cast<size_t>(count) * 2 * config.kv_heads * config.head_dim));
  // 0x7f7f is a NaN in float16; 0x3f3f is not.
  for (char& byte : *append.mutable_keys()->mutable_keys()) byte &= '\x3f';
  v1::AppendKeysResponse appended;
  grpc::ClientContext context;
  Check(stub.AppendKeys(&context, append, &appended));
}

void FillStore(Stub& stub, const Config& config) {
  v1::CreateStoreRequest create;
  v1::StoreConfig& store = *create.mutable_config();
  store.set_name("roundtrip");
  store.add_layer_ids(0);
  store.set_kv_heads(config.kv_heads);
  store.set_query_heads(config.query_heads);
  store.set_head_dim(config.head_dim);
  store.set_key_bits(2);
  for (int i = 0; i < config.kv_heads; ++i) store.add_key_scales(1.0f);
  v1::CreateStoreResponse created;
  grpc::ClientContext create_context;
  Check(stub.CreateStore(&create_context, create, &created));
  for (int start = 0; start < config.positions; start += kChunkPositions) {
    AppendChunk(stub, config, start, std::min(kChunkPositions, config.positions - start));
  }
}

v1::SelectRequest MakeSelect(const Config& config) {
  v1::SelectRequest request;
  request.set_store("roundtrip");
  request.set_layer_id(0);
  request.add_sequence_ids(1);
  v1::QueryBatch& queries = *request.mutable_queries();
  queries.add_counts(1);
  v1::Policy& policy = *queries.add_policies();
  policy.set_k(config.k);
  policy.set_estimator(v1::ESTIMATOR_ASYMMETRIC_DOT);
  policy.set_grouping(v1::GROUPING_HEAD);
  // Four planes of 1 are -1 and of 0 are 0: never -8, because all planes have the same bits.
  const size_t plane = std::max(32, config.head_dim) / 8;
  for (int head = 0; head < config.query_heads; ++head) {
    const std::string bits = RandomBytes(plane);
    for (int i = 0; i < 4; ++i) queries.mutable_queries()->append(bits);
    queries.add_query_scales(1.0f);
  }
  return request;
}

double TimeCall(Stub& stub, const v1::SelectRequest& request, v1::SelectResponse& response) {
  const auto start = std::chrono::steady_clock::now();
  grpc::ClientContext context;
  Check(stub.Select(&context, request, &response));
  const std::chrono::duration<double, std::micro> took = std::chrono::steady_clock::now() - start;
  return took.count();
}

Sample Summary(std::vector<double> times) {
  std::sort(times.begin(), times.end());
  return {times[times.size() / 2], times[times.size() * 99 / 100]};
}

std::unique_ptr<Stub> Connect(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return v1::SelectionService::NewStub(
      grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments));
}

void Report(const Config& config, const v1::SelectRequest& request,
            const v1::SelectResponse& response, const Sample& echo, const Sample& select) {
  const double ratio = select.p50_us / echo.p50_us;
  std::cout << "request " << request.ByteSizeLong() << " bytes, response "
            << response.ByteSizeLong() << " bytes, " << config.calls << " calls each\n"
            << "echo    p50 " << echo.p50_us << " us  p99 " << echo.p99_us << " us\n"
            << "select  p50 " << select.p50_us << " us  p99 " << select.p99_us << " us\n"
            << "ratio of p50 " << ratio << " (goal for 64 positions: at most 1.5)" << std::endl;
  if (config.json.empty()) return;
  std::ofstream(config.json) << nlohmann::ordered_json{{"backend", config.backend},
                                                       {"positions", config.positions},
                                                       {"calls", config.calls},
                                                       {"request_bytes", request.ByteSizeLong()},
                                                       {"response_bytes", response.ByteSizeLong()},
                                                       {"echo_p50_us", echo.p50_us},
                                                       {"echo_p99_us", echo.p99_us},
                                                       {"select_p50_us", select.p50_us},
                                                       {"select_p99_us", select.p99_us},
                                                       {"ratio", ratio}}
                                    .dump(1)
                             << "\n";
}

int Measure(const Config& config, const std::string& folder) {
  Logger logger(LogLevel::kWarning, LogFormat::kText);
  ServerOptions options;
  options.listen = {"unix:" + folder + "/select"};
  options.backend = config.backend;
  options.memory_bytes = int64_t{64} << 20;
  options.threads = std::max(1u, std::thread::hardware_concurrency());
  options.incarnation = 1;
  auto server = Server::Start(options, logger);
  if (!server.ok()) {
    std::cerr << server.status().message() << std::endl;
    return 1;
  }
  const auto select_stub = Connect(options.listen[0]);
  FillStore(*select_stub, config);
  const v1::SelectRequest request = MakeSelect(config);
  v1::SelectResponse response;
  TimeCall(*select_stub, request, response);
  const std::string echo_address = "unix:" + folder + "/echo";
  const EchoServer echo_server(echo_address, response);
  const auto echo_stub = Connect(echo_address);
  std::vector<double> echo;
  std::vector<double> select;
  for (int call = -kWarmUpCalls; call < config.calls; ++call) {
    const double echo_us = TimeCall(*echo_stub, request, response);
    const double select_us = TimeCall(*select_stub, request, response);
    if (call < 0) continue;
    echo.push_back(echo_us);
    select.push_back(select_us);
  }
  const Sample echo_sample = Summary(std::move(echo));
  const Sample select_sample = Summary(std::move(select));
  Report(config, request, response, echo_sample, select_sample);
  const double ratio = select_sample.p50_us / echo_sample.p50_us;
  return config.max_ratio > 0 && ratio > config.max_ratio ? 1 : 0;
}

}  // namespace
}  // namespace kvsift

int main(int argc, char** argv) {
  kvsift::Config config;
  CLI::App app("Select over a unix socket against an echo of the same bytes");
  app.add_option("--calls", config.calls, "Calls of each kind")->check(CLI::PositiveNumber);
  app.add_option("--kv-heads", config.kv_heads);
  app.add_option("--query-heads", config.query_heads);
  app.add_option("--head-dim", config.head_dim, "A power of two");
  app.add_option("--positions", config.positions, "Of the sequence")->check(CLI::PositiveNumber);
  app.add_option("--k", config.k);
  app.add_option("--backend", config.backend);
  app.add_option("--json", config.json, "File that gets the result");
  app.add_option("--max-ratio", config.max_ratio, "Exit code 1 above this ratio");
  CLI11_PARSE(app, argc, argv);
  std::string folder = std::filesystem::temp_directory_path() / "kvsiftXXXXXX";
  if (mkdtemp(folder.data()) == nullptr) return 1;
  const int result = kvsift::Measure(config, folder);
  std::filesystem::remove_all(folder);
  return result;
}
