// Key scales of a trace's layers, measured by the service.
#ifndef KVSIFT_CLIENT_EVALUATE_CALIBRATION_H_
#define KVSIFT_CLIENT_EVALUATE_CALIBRATION_H_

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/trace/trace.h"
#include "kvsift/client.h"

namespace kvsift::evaluate {

// Scales [layer_ids, kv_heads] from the first `positions` keys of each layer, or from all keys if
// there are fewer. Each call may take `timeout`.
// Errors: INVALID_ARGUMENT if the trace lacks a layer; those of Client::Calibrate.
absl::StatusOr<std::vector<float>> CalibrateOnTrace(Client& client, const trace::Trace& trace,
                                                    std::span<const int32_t> layer_ids,
                                                    int64_t positions, absl::Duration timeout);

// The layers named, which the trace must have; all of the trace's if none is named. Ascending.
// Errors: INVALID_ARGUMENT, listing the layers that the trace has.
absl::StatusOr<std::vector<int32_t>> LayersOf(const trace::Trace& trace,
                                              std::vector<int32_t> named);

}  // namespace kvsift::evaluate

#endif  // KVSIFT_CLIENT_EVALUATE_CALIBRATION_H_
