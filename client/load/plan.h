// What a run is to do: the command line as values.
#ifndef KVSIFT_CLIENT_LOAD_PLAN_H_
#define KVSIFT_CLIENT_LOAD_PLAN_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "client/load/arrival_schedule.h"
#include "kernels/format/store_format.h"
#include "kernels/select/policy.h"
#include "kvsift/client.h"

namespace kvsift::load {

enum class Scenario : uint8_t {
  kDecode,      // a step per layer: append this token's key, select; rolled back at the end
  kPrefill,     // whole sequences appended over a client stream, then released
  kMixed,       // decode beside prefill
  kSelectOnly,  // selections on standing sequences
  kChurn,       // sequences that come, grow, fork, shrink and go, with selections between
};

// "decode", "prefill", "mixed", "select-only", "churn".
std::string_view ScenarioName(Scenario scenario);
std::optional<Scenario> ScenarioFromName(std::string_view name);

// Defaults suit a client and a server that share two cores.
struct Plan {
  std::string server;  // or several, or a name: the target of a pool
  Scenario scenario = Scenario::kDecode;

  int workers = 4;
  int outstanding = 1;      // calls that a worker keeps unanswered, each on sequences of its own
  int sequences = 1;        // of one call
  int prefill_workers = 1;  // of the mixed scenario
  int64_t context = 2048;   // positions before the measurement; of one prefill
  int64_t grow = 256;       // positions until a sequence is rolled back

  StoreShape shape = {.layers = 4, .kv_heads = 4, .query_heads = 16, .head_dim = 128};
  Policy policy = {.k = 256};
  bool raw = false;   // float16 vectors travel, not codes
  std::string trace;  // where vectors come from; empty: synthetic ones
  std::string store;  // its name; empty: one of its own
  uint64_t seed = 1;
  int channels = 1;
  absl::Duration busy_poll = client::Options().busy_poll;

  double rate = 0;  // calls per second of an open loop; 0: a closed loop
  Arrival arrival = Arrival::kPoisson;
  absl::Duration think_time = absl::ZeroDuration();
  absl::Duration ramp = absl::ZeroDuration();
  absl::Duration warm_up = absl::Seconds(1);
  absl::Duration duration = absl::Seconds(10);
  absl::Duration timeout = absl::Seconds(30);  // of one call

  double verify = 0;     // share of the answers that are recomputed
  bool echo = true;      // floors are measured before and after
  std::string metrics;   // host:port of the server's metrics; empty: not read
  std::string dump_dir;  // where a difference is written; empty: the current folder

  // The target has several servers: what one loses is brought to another, and does not count as an
  // error.
  bool is_pool() const;

  // Calls under way at once in the scenario's main operation.
  int lanes() const { return workers * outstanding; }
  // Most positions that one of its sequences reaches.
  int64_t longest() const { return context + grow + 1; }
};

}  // namespace kvsift::load

#endif  // KVSIFT_CLIENT_LOAD_PLAN_H_
