#include "client/python/src/core_client.h"

#include <nanobind/nanobind.h>
#include <pthread.h>

#include <atomic>
#include <utility>

#include "absl/status/statusor.h"
#include "client/python/src/deadline.h"
#include "client/python/src/gil.h"
#include "client/python/src/raise.h"

namespace nb = nanobind;

namespace kvsift::python {
namespace {

// How often this process, or one that it descends from, was forked since the first client.
std::atomic<int64_t> fork_count = 0;

int64_t ForkCount() {
  static const int registered =
      pthread_atfork(nullptr, nullptr, [] { fork_count.fetch_add(1, std::memory_order_relaxed); });
  static_cast<void>(registered);
  return fork_count.load(std::memory_order_relaxed);
}

std::unique_ptr<client::Client> Connect(const std::string& address, client::Options options,
                                        absl::Time deadline) {
  absl::StatusOr<std::unique_ptr<client::Client>> connected;
  {
    const ReleasedGil released;
    connected = client::Client::Connect(address, std::move(options), deadline);
  }
  return ValueOrRaise(std::move(connected));
}

}  // namespace

CoreClient::CoreClient(const std::string& address, client::Options options, double timeout)
    : forks_(ForkCount()), timeout_(timeout) {
  if (forks_ > 0) {
    RaiseRuntimeError(
        "this process was forked after kvsift had connected, and gRPC does not survive that: "
        "start workers with the \"spawn\" method, or connect in them first");
  }
  client_ = Connect(address, std::move(options), DeadlineIn(timeout));
}

CoreClient::~CoreClient() { Close(); }

void CoreClient::Close() {
  std::shared_ptr<client::Client> client = std::exchange(client_, nullptr);
  if (client == nullptr) return;
  if (forks_ != ForkCount()) {
    // What it would wait for never ends here.
    static_cast<void>(new std::shared_ptr<client::Client>(std::move(client)));
    return;
  }
  const ReleasedGil released;
  client.reset();
}

std::shared_ptr<client::Client> CoreClient::Use() const {
  if (client_ == nullptr) RaiseRuntimeError("the client is closed");
  if (forks_ != ForkCount()) {
    RaiseRuntimeError(
        "the client was connected by another process, from which this one was forked");
  }
  return client_;
}

absl::Time CoreClient::Deadline(std::optional<double> timeout) const {
  return DeadlineIn(timeout.value_or(timeout_));
}

}  // namespace kvsift::python
