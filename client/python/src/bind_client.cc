#include "client/python/src/bind_client.h"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "client/python/src/arrays.h"
#include "client/python/src/core_client.h"
#include "client/python/src/numbers.h"
#include "client/python/src/raise.h"
#include "client/python/src/values.h"
#include "client/python/src/without_gil.h"

namespace nb = nanobind;

namespace kvsift::python {
namespace {

using Timeout = std::optional<double>;

nb::dict GetServer(const CoreClient& core, Timeout timeout) {
  return ToPython(Call(core, timeout, [](client::Client& client, absl::Time deadline) {
    return client.GetServer(deadline);
  }));
}

// `values`: (layer_ids, kv_heads, query_heads, head_dim, key_bits, key_scales, device).
client::Store CreateStore(const CoreClient& core, const std::string& name, const nb::tuple& values,
                          Timeout timeout) {
  client::StoreConfig config;
  config.name = name;
  config.layer_ids = Int32List(values[0], "layer_ids");
  config.kv_heads = ToInt32(values[1], "kv_heads");
  config.query_heads = ToInt32(values[2], "query_heads");
  config.head_dim = ToInt32(values[3], "head_dim");
  config.key_bits = ToInt32(values[4], "key_bits");
  const Array scales = ImportArray(values[5], "key_scales");
  const std::span<const float> view =
      ViewFloats(scales, {{"layers", std::ssize(config.layer_ids)}, {"kv_heads", config.kv_heads}},
                 "key_scales");
  config.key_scales.assign(view.begin(), view.end());
  config.device = ToInt32(values[6], "device");
  return Call(core, timeout, [&](client::Client& client, absl::Time deadline) {
    return client.CreateStore(config, deadline);
  });
}

client::Store GetStore(const CoreClient& core, const std::string& name, Timeout timeout) {
  return Call(core, timeout, [&](client::Client& client, absl::Time deadline) {
    return client.GetStore(name, deadline);
  });
}

std::vector<client::Store> ListStores(const CoreClient& core, Timeout timeout) {
  return Call(core, timeout, [](client::Client& client, absl::Time deadline) {
    return client.ListStores(deadline);
  });
}

void DeleteStore(const CoreClient& core, const std::string& name, Timeout timeout) {
  Call(core, timeout, [&](client::Client& client, absl::Time deadline) {
    return client.DeleteStore(name, deadline);
  });
}

nb::object Calibrate(const CoreClient& core, const nb::tuple& arguments, Timeout timeout) {
  const Array array = ImportArray(arguments[0], "keys");
  if (!array.is_valid()) RaiseTypeError("keys: None, expected an array");
  if (array.ndim() != 4) {
    RaiseValueError("keys: expected an array [layers, tokens, kv_heads, head_dim]");
  }
  client::CalibrateRequest request;
  request.layers = static_cast<int32_t>(array.shape(0));
  request.tokens = static_cast<int64_t>(array.shape(1));
  request.kv_heads = static_cast<int32_t>(array.shape(2));
  request.head_dim = static_cast<int32_t>(array.shape(3));
  request.keys = ViewRawVectors(array, "keys");
  std::vector<float> scales = Call(core, timeout, [&](client::Client& client, absl::Time deadline) {
    return client.Calibrate(request, deadline);
  });
  return ToNumpy(std::move(scales), {array.shape(0), array.shape(2)});
}

}  // namespace

void BindClient(nb::module_& module) {
  nb::class_<CoreClient>(module, "Client")
      .def("__init__",
           [](CoreClient* self, const std::string& address, double timeout, int channels,
              int max_steps_in_flight, int64_t append_chunk_bytes, int attempts) {
             new (self) CoreClient(address,
                                   {.channels = channels,
                                    .max_steps_in_flight = max_steps_in_flight,
                                    .append_chunk_bytes = append_chunk_bytes,
                                    .attempts = attempts},
                                   timeout);
           })
      .def("close", &CoreClient::Close)
      .def("is_closed", &CoreClient::is_closed)
      .def("get_server", &GetServer, nb::arg("timeout").none())
      .def("create_store", &CreateStore)
      .def("get_store", &GetStore)
      .def("list_stores", &ListStores)
      .def("delete_store", &DeleteStore)
      .def("calibrate", &Calibrate);
}

}  // namespace kvsift::python
