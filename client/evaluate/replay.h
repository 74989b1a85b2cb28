// A trace inside a store of its own.
#ifndef KVSIFT_CLIENT_EVALUATE_REPLAY_H_
#define KVSIFT_CLIENT_EVALUATE_REPLAY_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/trace/trace.h"
#include "kernels/select/policy.h"
#include "kvsift/client.h"

namespace kvsift::evaluate {

// The lists of one policy at one layer.
struct ReplayedSelection {
  std::vector<std::vector<int32_t>> lists;  // [query positions, rows per token]
  int64_t calls = 0;
  absl::Duration elapsed;  // of all calls
};

// A store that exists as long as this does.
class Replay {
 public:
  // Creates the store. `client` and `trace` outlive it.
  static absl::StatusOr<Replay> Start(Client& client, const trace::Trace& trace,
                                      const client::StoreConfig& config, absl::Duration timeout);

  Replay(Replay&& other) noexcept;
  Replay& operator=(Replay&&) = delete;

  // Deletes the store, if Finish was not called.
  ~Replay();

  // Appends the trace's raw keys of one layer.
  absl::Status AppendLayer(int32_t layer);

  // Selects for all recorded queries of a layer, in as few calls as the server's answer limit
  // allows. A first call warms up and is not counted.
  absl::StatusOr<ReplayedSelection> Select(int32_t layer, const Policy& policy,
                                           int64_t max_answer_bytes) const;

  // Resident bytes of the store.
  absl::StatusOr<int64_t> ResidentBytes() const;

  // Deletes the store.
  absl::Status Finish();

 private:
  Replay(Client& client, const trace::Trace& trace, client::Store store, absl::Duration timeout);

  absl::Time Deadline() const;

  // Adds the lists of recorded queries [first, first + count).
  absl::Status SelectBatch(int32_t layer, const Policy& policy, int64_t first, int64_t count,
                           ReplayedSelection& replayed) const;

  Client* client_;
  const trace::Trace* trace_;
  client::Store store_;
  absl::Duration timeout_;
  bool exists_ = true;
};

// "evaluate-" and 16 hexadecimal digits from the system's randomness.
std::string UniqueStoreName();

}  // namespace kvsift::evaluate

#endif  // KVSIFT_CLIENT_EVALUATE_REPLAY_H_
