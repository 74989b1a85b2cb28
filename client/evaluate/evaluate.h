// Replays a trace through a server and measures what its selections are worth.
//
// One row per query head and recorded query position p, which sees positions 0 .. p. A list that
// several heads share counts for each of them.
#ifndef KVSIFT_CLIENT_EVALUATE_EVALUATE_H_
#define KVSIFT_CLIENT_EVALUATE_EVALUATE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/evaluate/truth.h"
#include "client/trace/trace.h"
#include "kernels/select/policy.h"
#include "kvsift/client.h"

namespace kvsift::evaluate {

// What to measure.
struct Plan {
  std::vector<int32_t> layers;   // ascending; of the trace
  std::vector<Policy> policies;  // each is measured on each layer
  int64_t calibration_positions = 4096;
  int key_bits = 2;
  absl::Duration timeout = absl::Seconds(60);  // of one call

  // Told what is being done and how much of all is done, in 0 .. 1, before each call; returning
  // false ends the run with CANCELLED.
  std::function<bool(const std::string& what, double done)> progress;
};

// What one policy achieved on one layer: means over rows.
struct Outcome {
  Policy policy;
  Quality quality;
  double positions_per_row = 0;
  int64_t calls = 0;
  int64_t rows = 0;
  double call_us = 0;  // mean round trip of one call, with its queries encoded here
  double row_us = 0;   // the same, per row
};

struct LayerReport {
  std::vector<Outcome> outcomes;    // [policies]
  std::map<int32_t, double> exact;  // k to the attention mass of the true k best: the upper bound
};

struct Report {
  std::map<int32_t, LayerReport> layers;
  int64_t tokens = 0;
  int64_t query_positions = 0;
  double stored_key_bytes = 0;  // resident bytes per key and kv head
  double fp16_key_bytes = 0;    // what the same key takes in attention's cache
};

// Creates a store of a name of its own, calibrates it on `calibration` (which may be `trace`)
// through the service, appends raw keys, selects, and deletes the store again, whatever happens.
// Errors: INVALID_ARGUMENT if the traces do not fit each other or the plan; those of the client.
absl::StatusOr<Report> Evaluate(Client& client, const trace::Trace& trace,
                                const trace::Trace& calibration, const Plan& plan);

}  // namespace kvsift::evaluate

#endif  // KVSIFT_CLIENT_EVALUATE_EVALUATE_H_
