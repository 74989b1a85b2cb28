#include "absl/strings/str_cat.h"
#include "client/cpp/client_impl.h"
#include "client/cpp/convert.h"
#include "client/cpp/sizes.h"

namespace kvsift::client {

absl::StatusOr<std::vector<float>> Client::Calibrate(const CalibrateRequest& request,
                                                     absl::Time deadline) {
  if (!request.keys.raw || request.layers < 1 || request.tokens < 0 ||
      request.tokens > kMaxRequestTokens || request.kv_heads < 1 || request.head_dim < 1) {
    return absl::InvalidArgumentError(
        "calibrate: raw keys, at least one layer, kv head and dimension, and a token are needed");
  }
  const int64_t layer_bytes =
      request.tokens * request.kv_heads * request.head_dim * ElementBytes(*request.keys.raw);
  const absl::Status size =
      CheckBytes("keys", request.keys.bytes.size(), layer_bytes * request.layers,
                 absl::StrCat(request.layers, " layers x ", layer_bytes));
  if (!size.ok()) return size;
  std::vector<float> scales;
  for (int layer = 0; layer < request.layers; ++layer) {
    v1::CalibrateRequest message;
    message.set_head_dim(request.head_dim);
    message.set_kv_heads(request.kv_heads);
    message.set_layers(1);
    message.set_tokens(request.tokens);
    message.set_element_type(ToProto(request.keys.raw));
    const auto keys = request.keys.bytes.subspan(layer * layer_bytes, layer_bytes);
    message.set_keys(keys.data(), keys.size());
    v1::CalibrateResponse response;
    const absl::Status status = impl_->Send(&Stub::Calibrate, message, response, deadline).status;
    if (!status.ok()) {
      if (request.layers == 1) return status;
      absl::Status named(status.code(),
                         absl::StrCat("layer ", layer, " of the request: ", status.message()));
      status.ForEachPayload([&](absl::string_view url, const absl::Cord& payload) {
        named.SetPayload(url, payload);
      });
      return named;
    }
    scales.insert(scales.end(), response.key_scales().begin(), response.key_scales().end());
  }
  return scales;
}

}  // namespace kvsift::client
