// An engine over each backend, one small store, and codes to fill it with.
#ifndef KVSIFT_TESTS_ENGINE_ENGINE_HARNESS_H_
#define KVSIFT_TESTS_ENGINE_ENGINE_HARNESS_H_

#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "server/engine/engine.h"
#include "server/engine/thread_pool.h"
#include "tests/engine/engine_driver.h"
#include "tests/engine/remote_backend.h"

namespace kvsift {

// Two layers (3 and 7), two kv heads, four query heads, head_dim 64: a key of a layer has 32 bytes
// and a page exactly 4096, the smallest granule.
StoreConfig SmallConfig();
inline constexpr int64_t kSmallPageBytes = 4096;
inline constexpr int64_t kSmallKeyBytes = 32;  // of one position of one layer

// Backends to test an engine over: those that run here and "remote".
std::vector<std::string> EngineBackends();

// An engine with one shard, and store "s" of SmallConfig.
struct EngineUnderTest {
  explicit EngineUnderTest(const std::string& backend, int64_t memory_bytes = int64_t{1} << 20,
                           const StoreConfig& config = SmallConfig(), EngineLimits limits = {},
                           uint32_t seed = 1, int threads = 2);

  EngineUnderTest(EngineUnderTest&&) = default;
  EngineUnderTest& operator=(EngineUnderTest&& other) noexcept {
    engine = nullptr;  // before the pool that it works on
    pool = std::move(other.pool);
    remote = other.remote;
    engine = std::move(other.engine);
    return *this;
  }

  int64_t free_bytes() const { return engine->Shards()[0].memory.free_bytes; }

  // Outlives the engine, which runs its work on it.
  std::unique_ptr<ThreadPool> pool;
  RemoteBackend* remote = nullptr;  // if that is the backend
  std::unique_ptr<Engine> engine;
};

// `count` positions of keys of SmallConfig's shape; every bit pattern is a code.
Bytes RandomKeys(std::mt19937& random, int64_t count);

// Query codes of `tokens` tokens of SmallConfig's shape with their scales.
struct Queries {
  Bytes codes;
  std::vector<float> scales;
};
Queries RandomQueries(std::mt19937& random, Estimator estimator, int64_t tokens);

// Positions [from, to) of `keys`.
Bytes Slice(const Bytes& keys, int64_t from, int64_t to);
Bytes Joined(const Bytes& a, const Bytes& b);

// What the reference backend, asked directly, selects from `keys`, all of layer `layer`.
StepOutcome Expected(const StoreConfig& config, int layer, const Bytes& keys, const Policy& policy,
                     const Queries& queries, const std::vector<int64_t>& visible,
                     int64_t row_width);

}  // namespace kvsift

#endif  // KVSIFT_TESTS_ENGINE_ENGINE_HARNESS_H_
