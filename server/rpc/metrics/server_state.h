// What a server holds at the moment of a scrape.
#ifndef KVSIFT_SERVER_RPC_METRICS_SERVER_STATE_H_
#define KVSIFT_SERVER_RPC_METRICS_SERVER_STATE_H_

#include <prometheus/collectable.h>

#include <vector>

#include "server/engine/engine.h"
#include "server/rpc/unread_answers.h"

namespace kvsift {

// Sums per device, not per store: stores come and go by the thousand, and every one that there
// ever was would stay a series in Prometheus.
class ServerState final : public prometheus::Collectable {
 public:
  // Both outlive the last scrape.
  ServerState(const Engine& engine, const UnreadAnswers& unread)
      : engine_(engine), unread_(unread) {}

  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  const Engine& engine_;
  const UnreadAnswers& unread_;
};

}  // namespace kvsift

#endif  // KVSIFT_SERVER_RPC_METRICS_SERVER_STATE_H_
