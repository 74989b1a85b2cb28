#include "server/rpc/metrics/metrics_server.h"

#include <prometheus/exposer.h>

#include <exception>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "server/rpc/metrics/doorbell.h"
#include "server/rpc/metrics/process_state.h"
#include "server/rpc/metrics/server_state.h"

namespace kvsift {
namespace {

// Two Prometheus servers at once, as pairs of them are set up for redundancy; a third waits.
constexpr char kThreads[] = "2";

// A client that connects and says nothing holds a thread this long.
constexpr char kRequestTimeoutMs[] = "2000";

// Names and values in turn, as civetweb has them.
std::vector<std::string> HttpOptions(const std::string& address) {
  return {"listening_ports",    address,          "num_threads", kThreads,
          "request_timeout_ms", kRequestTimeoutMs};
}

constexpr absl::Duration kRingInterval = absl::Milliseconds(5);

}  // namespace

class MetricsServer::Impl {
 public:
  // Throws what the HTTP server throws if it cannot start.
  Impl(const ListenAddress& address, const Metrics& metrics, const Engine& engine,
       const UnreadAnswers& unread)
      : collectables_({metrics.collectable(), std::make_shared<ServerState>(engine, unread),
                       std::make_shared<ProcessState>()}),
        exposer_(std::make_unique<prometheus::Exposer>(HttpOptions(address.text))),
        port_(exposer_->GetListeningPorts().front()),
        address_(address.WithPort(port_)),
        doorbell_(address.host, port_) {
    for (const auto& collectable : collectables_) exposer_->RegisterCollectable(collectable);
  }

  ~Impl() {
    absl::Notification stopped;
    std::thread stopping([this, &stopped] {
      exposer_.reset();
      stopped.Notify();
    });
    do {
      doorbell_.Ring();
    } while (!stopped.WaitForNotificationWithTimeout(kRingInterval));
    stopping.join();
  }

  const std::string& address() const { return address_; }

 private:
  // The exposer holds them weakly, and is gone before they are.
  const std::vector<std::shared_ptr<prometheus::Collectable>> collectables_;
  std::unique_ptr<prometheus::Exposer> exposer_;
  const int port_;
  const std::string address_;
  const Doorbell doorbell_;
};

absl::StatusOr<std::unique_ptr<MetricsServer>> MetricsServer::Start(const ListenAddress& address,
                                                                    const Metrics& metrics,
                                                                    const Engine& engine,
                                                                    const UnreadAnswers& unread) {
  try {
    return std::unique_ptr<MetricsServer>(
        new MetricsServer(std::make_unique<Impl>(address, metrics, engine, unread)));
  } catch (const std::exception&) {  // which says that it may be the port
    return absl::UnavailableError(absl::StrCat("cannot serve metrics on ", address.text,
                                               ": in use, not permitted or not an address"));
  }
}

MetricsServer::MetricsServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
MetricsServer::~MetricsServer() = default;

const std::string& MetricsServer::address() const { return impl_->address(); }

}  // namespace kvsift
