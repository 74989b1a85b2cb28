#include "client/cpp/convert.h"

namespace kvsift::client {
namespace {

StoreConfig FromProto(const v1::StoreConfig& config) {
  StoreConfig out;
  out.name = config.name();
  out.layer_ids.assign(config.layer_ids().begin(), config.layer_ids().end());
  out.kv_heads = config.kv_heads();
  out.query_heads = config.query_heads();
  out.head_dim = config.head_dim();
  out.key_bits = config.key_bits();
  out.key_scales.assign(config.key_scales().begin(), config.key_scales().end());
  out.device = config.device();
  return out;
}

v1::Estimator EstimatorToProto(Estimator estimator) {
  switch (estimator) {
    case Estimator::kManhattan:
      return v1::ESTIMATOR_MANHATTAN;
    case Estimator::kSquaredEuclidean:
      return v1::ESTIMATOR_SQUARED_EUCLIDEAN;
    case Estimator::kDot:
      return v1::ESTIMATOR_DOT;
    case Estimator::kAsymmetricDot:
      return v1::ESTIMATOR_ASYMMETRIC_DOT;
  }
  return v1::ESTIMATOR_UNSPECIFIED;
}

v1::Grouping GroupingToProto(Grouping grouping) {
  switch (grouping) {
    case Grouping::kHead:
      return v1::GROUPING_HEAD;
    case Grouping::kGroupMax:
      return v1::GROUPING_GROUP_MAX;
    case Grouping::kGroupSum:
      return v1::GROUPING_GROUP_SUM;
    case Grouping::kGroupUnion:
      return v1::GROUPING_GROUP_UNION;
    case Grouping::kLayerMax:
      return v1::GROUPING_LAYER_MAX;
  }
  return v1::GROUPING_UNSPECIFIED;
}

DeviceSharing FromProto(v1::DeviceSharing sharing) {
  switch (sharing) {
    case v1::DEVICE_SHARING_NOT_SHARED:
      return DeviceSharing::kNotShared;
    case v1::DEVICE_SHARING_TIME_SLICED:
      return DeviceSharing::kTimeSliced;
    case v1::DEVICE_SHARING_MPS:
      return DeviceSharing::kMps;
    default:
      return DeviceSharing::kUnspecified;  // or one that a newer server knows
  }
}

Device FromProto(const v1::Device& device) {
  return {.name = device.name(),
          .description = device.description(),
          .number = device.number(),
          .sharing = FromProto(device.sharing()),
          .budget_bytes = device.budget_bytes(),
          .resident_bytes = device.resident_bytes(),
          .free_bytes = device.free_bytes(),
          .fragmented_bytes = device.fragmented_bytes()};
}

}  // namespace

v1::StoreConfig ToProto(const StoreConfig& config) {
  v1::StoreConfig out;
  out.set_name(config.name);
  out.mutable_layer_ids()->Assign(config.layer_ids.begin(), config.layer_ids.end());
  out.set_kv_heads(config.kv_heads);
  out.set_query_heads(config.query_heads);
  out.set_head_dim(config.head_dim);
  out.set_key_bits(config.key_bits);
  out.mutable_key_scales()->Assign(config.key_scales.begin(), config.key_scales.end());
  out.set_device(config.device);
  return out;
}

v1::Policy ToProto(const Policy& policy) {
  v1::Policy out;
  out.set_k(policy.k);
  out.set_estimator(EstimatorToProto(policy.estimator));
  out.set_grouping(GroupingToProto(policy.grouping));
  out.set_sinks(policy.sinks);
  out.set_window(policy.window);
  return out;
}

v1::ElementType ToProto(std::optional<ElementType> type) {
  if (!type.has_value()) return v1::ELEMENT_TYPE_UNSPECIFIED;
  switch (*type) {
    case ElementType::kFloat16:
      return v1::ELEMENT_TYPE_FLOAT16;
    case ElementType::kBfloat16:
      return v1::ELEMENT_TYPE_BFLOAT16;
    case ElementType::kFloat32:
      return v1::ELEMENT_TYPE_FLOAT32;
  }
  return v1::ELEMENT_TYPE_UNSPECIFIED;
}

v1::ConflictRule ToProto(ConflictRule rule) {
  return rule == ConflictRule::kReplaceTail ? v1::CONFLICT_RULE_REPLACE_TAIL
                                            : v1::CONFLICT_RULE_FAIL;
}

v1::AnswerLayout ToProto(RowLayout layout) {
  return layout == RowLayout::kPacked ? v1::ANSWER_LAYOUT_PACKED : v1::ANSWER_LAYOUT_PADDED;
}

Store FromProto(const v1::Store& store) {
  Store out;
  out.config = FromProto(store.config());
  out.thresholds.assign(store.thresholds().begin(), store.thresholds().end());
  out.fingerprint = store.fingerprint();
  out.sequences = store.sequences();
  out.resident_bytes = store.resident_bytes();
  out.page_bytes = store.page_bytes();
  out.page_positions = store.page_positions();
  out.level_counts.assign(store.level_counts().begin(), store.level_counts().end());
  if (store.has_level_deviation()) {
    const v1::LevelDeviation& deviation = store.level_deviation();
    out.level_deviation = {deviation.layer_id(), deviation.kv_head(), deviation.deviation(),
                           deviation.limit()};
  }
  return out;
}

Sequence FromProto(const v1::Sequence& sequence) {
  Sequence out = {sequence.id(), sequence.epoch(), {}, sequence.pages()};
  for (const v1::LayerLength& layer : sequence.layers()) {
    out.layers.push_back({layer.layer_id(), layer.length()});
  }
  return out;
}

ServerInfo FromProto(const v1::GetServerResponse& server) {
  ServerInfo out;
  out.version = server.version();
  out.incarnation = server.server_incarnation();
  out.backend = server.backend();
  out.backend_description = server.backend_description();
  for (const v1::Device& device : server.devices()) {
    out.devices.push_back(FromProto(device));
  }
  const v1::Limits& limits = server.limits();
  out.limits = {limits.max_k(), limits.max_answer_bytes(), limits.max_message_bytes(),
                limits.max_sequence_length(), limits.max_stores()};
  return out;
}

}  // namespace kvsift::client
