#include "client/evaluate/calibration.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace kvsift::evaluate {

absl::StatusOr<std::vector<float>> CalibrateOnTrace(Client& client, const trace::Trace& trace,
                                                    std::span<const int32_t> layer_ids,
                                                    int64_t positions, absl::Duration timeout) {
  std::vector<float> scales;
  const int64_t tokens = std::min(positions, trace.tokens());
  for (const int32_t id : layer_ids) {
    const auto layer = trace.layers().find(id);
    if (layer == trace.layers().end()) {
      return absl::InvalidArgumentError(absl::StrCat(trace.path(), ": has no layer ", id));
    }
    const trace::TraceVectors& keys = layer->second.keys;
    const std::vector<std::byte> bytes = KeysByPosition(keys, tokens);
    client::CalibrateRequest request;
    request.head_dim = trace.head_dim();
    request.kv_heads = trace.kv_heads();
    request.layers = 1;
    request.tokens = tokens;
    request.keys = {bytes, keys.type};
    const auto measured = client.Calibrate(request, absl::Now() + timeout);
    if (!measured.ok()) return measured.status();
    scales.insert(scales.end(), measured->begin(), measured->end());
  }
  return scales;
}

absl::StatusOr<std::vector<int32_t>> LayersOf(const trace::Trace& trace,
                                              std::vector<int32_t> named) {
  std::vector<int32_t> all;
  for (const auto& [id, layer] : trace.layers()) all.push_back(id);
  if (named.empty()) return all;
  std::sort(named.begin(), named.end());
  named.erase(std::unique(named.begin(), named.end()), named.end());
  for (const int32_t id : named) {
    if (trace.layers().contains(id)) continue;
    std::string known;
    for (const int32_t one : all) absl::StrAppend(&known, known.empty() ? "" : ", ", one);
    return absl::InvalidArgumentError(
        absl::StrCat("layers: ", id, ", but ", trace.path(), " has ", known));
  }
  return named;
}

}  // namespace kvsift::evaluate
