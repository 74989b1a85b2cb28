#include "server/rpc/calibrate_call.h"

#include <limits>
#include <optional>
#include <span>
#include <vector>

#include "absl/strings/str_cat.h"
#include "kernels/encode/encode.h"
#include "server/engine/field_error.h"
#include "server/engine/store_config.h"
#include "server/rpc/convert_fields.h"
#include "server/rpc/convert_values.h"

namespace kvsift {
namespace {

// A checked request, and a result per layer that only that layer's task writes.
struct Calibration {
  int head_dim = 0;
  int kv_heads = 0;
  int64_t tokens = 0;
  VectorData keys;
  std::vector<absl::StatusOr<std::vector<float>>> layers;

  int64_t layer_bytes() const { return std::ssize(keys.bytes) / std::ssize(layers); }

  void RunLayer(int64_t layer) {
    layers[layer] = CalibrateKeyScales(head_dim, kv_heads, tokens, *keys.raw,
                                       keys.bytes.subspan(layer * layer_bytes(), layer_bytes()));
  }
};

absl::Status CheckShape(const v1::CalibrateRequest& message) {
  absl::Status valid = CheckRange("head_dim", message.head_dim(), 1, kMaxHeadDim);
  if (valid.ok()) valid = CheckRange("kv_heads", message.kv_heads(), 1, kMaxKvHeads);
  if (valid.ok()) valid = CheckRange("layers", message.layers(), 1, kMaxLayers);
  if (valid.ok() && message.tokens() < 1) {
    valid = InvalidField("tokens", message.tokens(), "at least 1");
  }
  return valid;
}

absl::Status ConvertCalibrate(const v1::CalibrateRequest& message, Calibration& calibration) {
  absl::Status valid = CheckShape(message);
  if (!valid.ok()) return valid;
  const auto raw = ConvertElementType("element_type", message.element_type());
  if (!raw.ok()) return raw.status();
  if (!raw->has_value()) return InvalidField("element_type", 0, "the type of raw elements");
  valid = CheckBytes("keys", message.keys().size(),
                     {{message.layers(), "layers"},
                      {message.tokens(), "tokens"},
                      {message.kv_heads(), "kv heads"},
                      {message.head_dim(), "elements"},
                      {ElementBytes(**raw), "bytes"}});
  if (!valid.ok()) return valid;
  calibration.head_dim = message.head_dim();
  calibration.kv_heads = message.kv_heads();
  calibration.tokens = message.tokens();
  calibration.keys = {std::as_bytes(std::span(message.keys())), *raw};
  calibration.layers.resize(message.layers(), std::vector<float>());
  const int64_t bad = FirstInvalidElement(**raw, calibration.keys.bytes);
  return bad < 0 ? absl::OkStatus() : InvalidElement("keys", calibration.keys, bad);
}

absl::Status FillScales(const Calibration& calibration, v1::CalibrateResponse& response) {
  for (size_t layer = 0; layer < calibration.layers.size(); ++layer) {
    const auto& scales = calibration.layers[layer];
    if (!scales.ok()) {
      return InvalidField("keys", absl::StrCat("layer ", layer, ", ", scales.status().message()),
                          "keys with a key scale of 2^-60 to 2^40");
    }
    response.mutable_key_scales()->Add(scales->begin(), scales->end());
  }
  return absl::OkStatus();
}

}  // namespace

void RunCalibrate(Executor& executor, uint64_t incarnation,
                  UnaryCall<v1::CalibrateRequest, v1::CalibrateResponse>& call) {
  auto& calibration = call.Create<Calibration>();
  absl::Status ready = ConvertCalibrate(call.request(), calibration);
  if (!ready.ok()) return call.Complete(ready);
  executor.Run(
      std::ssize(calibration.layers),
      [&calibration](int64_t layer) { calibration.RunLayer(layer); },
      [&calibration, &call, incarnation] {
        call.response().set_server_incarnation(incarnation);
        call.Complete(FillScales(calibration, call.response()));
      });
}

}  // namespace kvsift
