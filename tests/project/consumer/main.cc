// Selects once through the engine in this process and once through a server: same positions.
//
// usage: consumer ADDRESS
#include <array>
#include <cstdint>
#include <cstdio>
#include <future>
#include <memory>
#include <span>
#include <vector>

#include "absl/time/clock.h"
#include "kernels/backends.h"
#include "kernels/executor.h"
#include "kvsift/client.h"
#include "server/engine/engine.h"

namespace {

// Three 1-bit keys of 32 dimensions: all ones, all zeros, half and half. A query of ones likes
// the first best, then the last.
constexpr std::array<uint32_t, 3> kKeys = {0xffffffff, 0, 0x0000ffff};
constexpr std::array<uint32_t, 1> kQuery = {0xffffffff};
constexpr kvsift::Policy kPolicy = {.k = 2, .estimator = kvsift::Estimator::kDot};

class Answer final : public kvsift::AnswerSink {
 public:
  kvsift::AnswerBuffers Allocate(const kvsift::AnswerShape& shape) override {
    positions.resize(shape.rows * shape.width);
    counts_.resize(shape.rows);
    return {.positions = positions.data(), .counts = counts_.data()};
  }
  void Shrink(int64_t count) override { positions.resize(count); }

  std::vector<int32_t> positions;

 private:
  std::vector<int32_t> counts_;
};

std::vector<int32_t> SelectEmbedded() {
  kvsift::InlineExecutor executor;
  auto backend =
      kvsift::CreateBackend("auto", {.memory_bytes = int64_t{16} << 20, .executor = &executor});
  kvsift::EngineOptions options;
  options.backends.push_back(*std::move(backend));
  kvsift::Engine engine(std::move(options));
  kvsift::StoreConfig config;
  config.name = "demo";
  config.layer_ids = {0};
  config.shape = {.layers = 1, .kv_heads = 1, .query_heads = 1, .head_dim = 32, .key_bits = 1};
  if (!engine.CreateStore(config).ok()) return {};

  const std::array<int32_t, 1> layers = {0};
  const std::array<kvsift::Policy, 1> policies = {kPolicy};
  std::array<kvsift::StepEntry, 1> entries;
  entries[0].sequence_id = 7;
  entries[0].key_count = 3;
  entries[0].query_tokens = 1;
  kvsift::StepRequest request;
  request.store = "demo";
  request.layer_ids = layers;
  request.entries = entries;
  request.policies = policies;
  request.keys = {std::as_bytes(std::span(kKeys)), {}};
  request.queries = {std::as_bytes(std::span(kQuery)), {}};
  Answer answer;
  std::promise<bool> ok;
  engine.Step(request, &answer, [&ok](const kvsift::StepResult& result) {
    ok.set_value(result.status.ok() && result.entries[0].status.ok());
  });
  return ok.get_future().get() ? answer.positions : std::vector<int32_t>();
}

std::vector<int32_t> SelectRemote(const char* address) {
  const absl::Time deadline = absl::Now() + absl::Seconds(20);
  auto client = kvsift::Client::Connect(address, {}, deadline);
  if (!client.ok()) return {};
  kvsift::client::StoreConfig config;
  config.name = "demo";
  config.layer_ids = {0};
  config.kv_heads = config.query_heads = config.key_bits = 1;
  config.head_dim = 32;
  auto store = (*client)->CreateStore(config, deadline);
  if (!store.ok()) return {};

  kvsift::client::StepEntry entry;
  entry.sequence_id = 7;
  entry.key_count = 3;
  kvsift::client::StepRequest request;
  request.entries = {entry};
  request.keys = {std::as_bytes(std::span(kKeys)), {}};
  request.queries.policies = {kPolicy};
  request.queries.vectors = {std::as_bytes(std::span(kQuery)), {}};
  auto result = (*client)->Step(*store, request, deadline);
  return result.ok() && result->ok() ? result->positions : std::vector<int32_t>();
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<int32_t> expected = {0, 2};
  const bool embedded = SelectEmbedded() == expected;
  const bool remote = argc == 2 && SelectRemote(argv[1]) == expected;
  std::printf("embedded: %s, remote: %s\n", embedded ? "ok" : "wrong", remote ? "ok" : "wrong");
  return embedded && remote ? 0 : 1;
}
