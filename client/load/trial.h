// One measurement: warm-up, the time that counts, and what is still under way then.
#ifndef KVSIFT_CLIENT_LOAD_TRIAL_H_
#define KVSIFT_CLIENT_LOAD_TRIAL_H_

#include <cstdint>
#include <functional>
#include <vector>

#include "absl/time/time.h"
#include "client/load/metrics_scrape.h"
#include "client/load/pacing.h"
#include "client/load/recorder.h"
#include "client/load/run_context.h"

namespace kvsift::load {

struct TrialInterval {
  double end_s = 0;  // since the measurement began
  double length_s = 0;
  Interval calls;
  std::optional<BatchMetrics> server;
};

struct Trial {
  Recorder::Result result;
  double duration_s = 0;  // until the last counted call was answered
  std::vector<TrialInterval> intervals;

  double Rate() const {
    return duration_s > 0 ? static_cast<double>(result.requests) / duration_s : 0;
  }
};

struct TrialOptions {
  double rate = 0;  // of an open loop; 0: a closed loop
  absl::Duration ramp = absl::ZeroDuration();
  absl::Duration warm_up = absl::ZeroDuration();
  absl::Duration duration = absl::ZeroDuration();
  std::function<void(const TrialInterval&)> on_interval = {};
  std::function<bool()> interrupted = {};
};

// Runs `workers` at the pace of the options and `beside` in a closed loop. Ends early if the run
// is halted or interrupted.
Trial RunTrial(RunContext& context, const std::vector<Worker*>& workers,
               const std::vector<Worker*>& beside, const TrialOptions& options);

}  // namespace kvsift::load

#endif  // KVSIFT_CLIENT_LOAD_TRIAL_H_
