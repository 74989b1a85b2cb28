// A whole kvsift server in a process: threads, backends, engine, gRPC listeners.
#ifndef KVSIFT_SERVER_RPC_SERVER_H_
#define KVSIFT_SERVER_RPC_SERVER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "kernels/backend.h"
#include "kernels/executor.h"
#include "server/engine/engine.h"
#include "server/rpc/log.h"

namespace kvsift {

// Part of a message that entry errors and everything else beside an answer may take.
inline constexpr int64_t kAnswerReserveBytes = int64_t{8} << 20;
inline constexpr int64_t kMinMessageBytes = int64_t{16} << 20;
inline constexpr int64_t kMaxMessageBytes = (int64_t{1} << 31) - 1;  // gRPC's own
inline constexpr int64_t kDefaultMessageBytes = int64_t{64} << 20;

// The backends of a server, by index of the device; at least one.
using BackendsFactory =
    std::function<absl::StatusOr<std::vector<std::unique_ptr<Backend>>>(Executor& executor)>;

// REQUIRES of all fields: in the ranges that the program's --help states.
struct ServerOptions {
  std::vector<std::string> listen;  // HOST:PORT or unix:PATH; at least one
  std::string metrics_listen = {};  // HOST:PORT, for metrics over HTTP; empty: none
  std::string health_listen = {};   // as `listen`, for health checks alone; empty: none
  std::string backend = "auto";     // as ChooseBackend knows it
  // Numbers of GPUs, distinct: a shard for each. Not empty: the backend is "auto" or "cuda", and
  // must be the latter. Empty: one device, which is GPU 0 if it is one.
  std::vector<int32_t> devices = {};
  int64_t memory_bytes = int64_t{1} << 30;  // of each device
  bool grow_memory = false;                 // of GPUs: taken as it is needed
  int threads = 1;
  // Both directions. limits.max_answer_bytes leaves kAnswerReserveBytes of it.
  int64_t max_message_bytes = kDefaultMessageBytes;
  EngineLimits limits = {.max_answer_bytes = kDefaultMessageBytes - kAnswerReserveBytes};
  int32_t max_stream_steps = 64;  // of one held stream, unanswered at once
  int call_threads = 1;           // that hear of calls and do what small ones ask for
  // How long the one of them that waits for calls polls for the next before it sleeps, while they
  // come within that time. Zero: it sleeps at once.
  absl::Duration busy_poll = absl::Microseconds(100);
  absl::Duration drain_timeout = absl::Seconds(30);
  absl::Duration slow_call = absl::Seconds(1);  // calls of this and more are logged; zero: none are
  uint64_t incarnation = 0;                     // random, distinct per start

  // Hears, once and on any thread, that a device has failed and the server must end: health says
  // NOT_SERVING by then, and failure() says why. Must not wait or call the server.
  std::function<void()> on_failure = {};

  // Makes the backends in place of `backend`, `devices` and `memory_bytes`: for tests and
  // embedders.
  BackendsFactory make_backends = {};
};

// Serves from Start until Shutdown or destruction. Thread-safe.
class Server {
 public:
  // `logger` outlives the server.
  // Errors: whatever stands in the way: the backend, the memory, an address in use.
  static absl::StatusOr<std::unique_ptr<Server>> Start(const ServerOptions& options,
                                                       Logger& logger);

  // Shuts down without a drain if that has not been done.
  virtual ~Server() = default;

  // As clients reach them, in the order of ServerOptions::listen, with real ports.
  virtual const std::vector<std::string>& addresses() const = 0;

  // Where GET /metrics is answered, with the real port; empty without metrics_listen. Until
  // destruction, also during a drain.
  virtual std::string metrics_address() const = 0;

  // Where health checks, and nothing else, are answered, with the real port; empty without
  // health_listen. Until destruction, also during a drain.
  virtual std::string health_address() const = 0;

  virtual Engine& engine() = 0;

  // OK, or UNAVAILABLE in the words of the backend of the first device that failed. The server
  // then answers what touches that device with UNAVAILABLE, and its owner shuts it down.
  virtual absl::Status failure() const = 0;

  // Says NOT_SERVING, refuses new calls with UNAVAILABLE, waits for those in flight at most the
  // drain timeout, then cancels the rest. Returns true if none had to be cancelled.
  virtual bool Shutdown() = 0;
};

}  // namespace kvsift

#endif  // KVSIFT_SERVER_RPC_SERVER_H_
