#include "server/rpc/store_calls.h"

#include <cstddef>
#include <string>
#include <vector>

#include "server/engine/field_error.h"
#include "server/rpc/convert_fields.h"
#include "server/rpc/convert_step.h"
#include "server/rpc/convert_store.h"
#include "server/rpc/version.h"

namespace kvsift {
namespace {

// A page of stores ends early beyond this size: the description of one has up to 3 MiB of
// thresholds and scales, and a message of the least size allowed must hold the page.
constexpr size_t kPageBytes = 8 << 20;

// Completes `call` with a store, or with the error.
template <typename Call>
void CompleteWithStore(const Engine& engine, Call& call, const absl::StatusOr<StoreInfo>& store) {
  if (!store.ok()) return call.Complete(store.status());
  FillStore(*store, *call.response().mutable_store());
  call.response().set_server_incarnation(engine.incarnation());
  call.Complete(absl::OkStatus());
}

// The error of GetStore and DeleteStore, whose field for the store is `name`.
absl::Status UnderName(const absl::Status& status, const std::string& name) {
  if (!absl::IsNotFound(status)) return status;
  return FieldError(absl::StatusCode::kNotFound, "name", name, "the name of a store");
}

v1::DeviceSharing ToProto(DeviceSharing sharing) {
  switch (sharing) {
    case DeviceSharing::kNotShared:
      return v1::DEVICE_SHARING_NOT_SHARED;
    case DeviceSharing::kTimeSliced:
      return v1::DEVICE_SHARING_TIME_SLICED;
    case DeviceSharing::kMps:
      return v1::DEVICE_SHARING_MPS;
  }
  return v1::DEVICE_SHARING_UNSPECIFIED;
}

void FillDevice(const ShardInfo& shard, v1::Device& device) {
  device.set_name(shard.backend.name);
  device.set_description(shard.backend.description);
  device.set_number(shard.backend.device);
  device.set_sharing(ToProto(shard.backend.sharing));
  device.set_budget_bytes(shard.memory.budget_bytes);
  device.set_resident_bytes(shard.memory.resident_bytes);
  device.set_free_bytes(shard.memory.free_bytes);
  device.set_fragmented_bytes(shard.memory.fragmented_bytes);
}

void FillLimits(const ServiceContext& service, v1::Limits& message) {
  const EngineLimits& limits = service.engine->limits();
  message.set_max_k(limits.max_k);
  message.set_max_answer_bytes(limits.max_answer_bytes);
  message.set_max_message_bytes(service.max_message_bytes);
  message.set_max_sequence_length(limits.max_sequence_length);
  message.set_max_stores(limits.max_stores);
  message.set_max_entries(kMaxEntries);
  message.set_max_stream_steps(service.max_stream_steps);
  message.set_max_queued_requests(static_cast<int32_t>(limits.max_queued_requests));
  message.set_max_queued_bytes(limits.max_queued_bytes);
}

}  // namespace

void RunCreateStore(Engine& engine,
                    UnaryCall<v1::CreateStoreRequest, v1::CreateStoreResponse>& call) {
  CompleteWithStore(engine, call, engine.CreateStore(ConvertStoreConfig(call.request().config())));
}

void RunGetStore(Engine& engine, UnaryCall<v1::GetStoreRequest, v1::GetStoreResponse>& call) {
  const auto store = engine.GetStore(call.request().name());
  if (!store.ok()) return call.Complete(UnderName(store.status(), call.request().name()));
  CompleteWithStore(engine, call, store);
}

void RunListStores(Engine& engine, UnaryCall<v1::ListStoresRequest, v1::ListStoresResponse>& call) {
  const auto size = ConvertPageSize(call.request().page_size());
  if (!size.ok()) return call.Complete(size.status());
  const auto after = ConvertStorePageToken(call.request().page_token());
  if (!after.ok()) return call.Complete(after.status());
  v1::ListStoresResponse& response = call.response();
  std::string last = *after;
  std::vector<StoreInfo> next = engine.ListStores(last, 1);
  for (size_t bytes = 0; !next.empty() && response.stores_size() < *size && bytes < kPageBytes;) {
    v1::Store& store = *response.add_stores();
    FillStore(next.front(), store);
    bytes += store.ByteSizeLong();
    last = store.config().name();
    next = engine.ListStores(last, 1);
  }
  if (!next.empty()) response.set_next_page_token(StorePageToken(last));
  call.response().set_server_incarnation(engine.incarnation());
  call.Complete(absl::OkStatus());
}

void RunDeleteStore(Engine& engine,
                    UnaryCall<v1::DeleteStoreRequest, v1::DeleteStoreResponse>& call) {
  call.response().set_server_incarnation(engine.incarnation());
  call.Complete(UnderName(engine.DeleteStore(call.request().name()), call.request().name()));
}

void RunGetServer(const ServiceContext& service,
                  UnaryCall<v1::GetServerRequest, v1::GetServerResponse>& call) {
  const Engine& engine = *service.engine;
  v1::GetServerResponse& response = call.response();
  response.set_version(kVersion);
  response.set_server_incarnation(engine.incarnation());
  const std::vector<ShardInfo> shards = engine.Shards();
  response.set_backend(shards.front().backend.name);
  response.set_backend_description(shards.front().backend.description);
  for (const ShardInfo& shard : shards) FillDevice(shard, *response.add_devices());
  FillLimits(service, *response.mutable_limits());
  call.Complete(absl::OkStatus());
}

}  // namespace kvsift
