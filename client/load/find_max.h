// Looks for the highest rate at which a latency stays below a limit.
#ifndef KVSIFT_CLIENT_LOAD_FIND_MAX_H_
#define KVSIFT_CLIENT_LOAD_FIND_MAX_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/load/trial.h"

namespace kvsift::load {

// A quantile of the latency and its limit.
struct Objective {
  std::string quantile = "p99";
  double share = 0.99;
  int64_t limit_ns = 0;

  std::string Text() const;  // "p99=5ms"
};

// Reads "p50=2ms"; quantiles are p50, p90, p99, p999. Errors: INVALID_ARGUMENT.
absl::StatusOr<Objective> ParseObjective(const std::string& text);

struct RateTrial {
  double rate = 0;  // asked for
  double achieved = 0;
  int64_t latency_ns = 0;  // at the objective's quantile
  bool kept = false;       // below the limit, no errors, and nearly all that arrived was served
};

struct MaxRate {
  double rate = 0;                // 0: not even the lowest rate that was tried keeps the objective
  double fails_at = 0;            // the lowest higher rate that did not; 0: none was tried
  int confirmations = 0;          // trials at the rate
  int kept = 0;                   // those of them that kept the objective
  std::vector<RateTrial> trials;  // in their order
};

// Runs an open loop of `rate` and tells how it went; nothing ends the search.
using RunRate = std::function<std::optional<RateTrial>(double rate)>;

// Bisects between 0 and `capacity`, which is what a closed loop achieves, doubled if need be, to
// 5 %, then repeats the best rate until it keeps the objective three times in a row, lowering it by
// 5 % each time that it does not.
MaxRate FindMaxRate(double capacity, const RunRate& run);

// How a trial at `rate` went.
RateTrial Judge(const Objective& objective, double rate, const Trial& trial);

// "4210/s keeps p99=5ms: 3 of 3 trials; 4430/s did not".
std::string MaxRateText(const Objective& objective, const MaxRate& found);

}  // namespace kvsift::load

#endif  // KVSIFT_CLIENT_LOAD_FIND_MAX_H_
