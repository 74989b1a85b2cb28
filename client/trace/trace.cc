#include "client/trace/trace.h"

#include <cstring>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "kernels/encode/encode.h"
#include "kernels/format/code_shape.h"

namespace kvsift::trace {
namespace {

constexpr int kMaxLayerId = 65535;
constexpr int kMaxKvHeads = 256;
constexpr int kMaxQueryHeads = 1024;

absl::Status Wrong(const std::string& path, const std::string& tensor, const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat(path, ": tensor \"", tensor, "\": ", what));
}

std::optional<ElementType> ElementTypeOf(std::string_view dtype) {
  if (dtype == "F16") return ElementType::kFloat16;
  if (dtype == "BF16") return ElementType::kBfloat16;
  if (dtype == "F32") return ElementType::kFloat32;
  return std::nullopt;
}

absl::StatusOr<std::vector<int32_t>> ReadInts(const SafetensorsFile& file,
                                              const std::string& name) {
  const Tensor* tensor = file.Find(name);
  if (tensor == nullptr) return Wrong(file.path(), name, "missing");
  if (tensor->dtype != "I32" || tensor->shape.size() != 1 || tensor->shape[0] == 0) {
    return Wrong(file.path(), name, "expected a list of I32");
  }
  std::vector<int32_t> values(tensor->shape[0]);
  std::memcpy(values.data(), tensor->bytes.data(), tensor->bytes.size());
  return values;
}

absl::StatusOr<TraceVectors> ReadVectors(const SafetensorsFile& file, const std::string& name) {
  const Tensor* tensor = file.Find(name);
  if (tensor == nullptr) return Wrong(file.path(), name, "missing");
  const std::optional<ElementType> type = ElementTypeOf(tensor->dtype);
  if (!type.has_value()) {
    return Wrong(file.path(), name, absl::StrCat(tensor->dtype, ", expected F16, BF16 or F32"));
  }
  if (tensor->shape.size() != 3) {
    return Wrong(file.path(), name, absl::StrCat(tensor->shape.size(), " dimensions, expected 3"));
  }
  const int64_t bad = FirstInvalidElement(*type, tensor->bytes);
  if (bad >= 0) {
    return Wrong(file.path(), name,
                 absl::StrCat("element ", bad, " is not finite or exceeds 2^32"));
  }
  return TraceVectors{*type, tensor->shape[0], tensor->shape[1], tensor->shape[2], tensor->bytes};
}

absl::Status CheckShape(const std::string& path, const std::string& name,
                        const TraceVectors& vectors, int64_t heads, int64_t count, int64_t dim) {
  if (vectors.heads == heads && vectors.vectors_per_head == count && vectors.head_dim == dim) {
    return absl::OkStatus();
  }
  return Wrong(path, name,
               absl::StrCat("shape [", vectors.heads, ", ", vectors.vectors_per_head, ", ",
                            vectors.head_dim, "], expected [", heads, ", ", count, ", ", dim, "]"));
}

// Layer ids of the tensors "layers.L.keys", or what is wrong with one of their names.
absl::StatusOr<std::vector<int32_t>> LayerIds(const SafetensorsFile& file) {
  std::vector<int32_t> ids;
  for (const auto& [name, tensor] : file.tensors()) {
    constexpr std::string_view kStart = "layers.";
    constexpr std::string_view kEnd = ".keys";
    if (!name.starts_with(kStart) || !name.ends_with(kEnd)) continue;
    const std::string id_text =
        name.substr(kStart.size(), name.size() - kStart.size() - kEnd.size());
    int32_t id = -1;
    if (!absl::SimpleAtoi(id_text, &id) || id < 0 || id > kMaxLayerId ||
        absl::StrCat(id) != id_text) {
      return Wrong(file.path(), name, absl::StrCat("layer id, expected 0 to ", kMaxLayerId));
    }
    ids.push_back(id);
  }
  if (ids.empty()) return Wrong(file.path(), "layers.L.keys", "missing for every L");
  return ids;
}

}  // namespace

std::span<const std::byte> TraceVectors::Of(int64_t head, int64_t first, int64_t count) const {
  const int64_t vector_bytes = head_dim * ElementBytes(type);
  return bytes.subspan((head * vectors_per_head + first) * vector_bytes, count * vector_bytes);
}

absl::StatusOr<Trace> Trace::Open(const std::string& path) {
  absl::StatusOr<SafetensorsFile> file = SafetensorsFile::Open(path);
  if (!file.ok()) return file.status();
  Trace trace(*std::move(file));
  absl::Status status = trace.ReadPositions();
  if (status.ok()) status = trace.ReadLayers();
  if (status.ok()) status = trace.CheckRemarks();
  if (!status.ok()) return status;
  return trace;
}

absl::Status Trace::ReadPositions() {
  absl::StatusOr<std::vector<int32_t>> ids = ReadInts(file_, "token_ids");
  if (!ids.ok()) return ids.status();
  token_ids_ = *std::move(ids);
  absl::StatusOr<std::vector<int32_t>> positions = ReadInts(file_, "query_positions");
  if (!positions.ok()) return positions.status();
  query_positions_ = *std::move(positions);
  int64_t previous = -1;
  for (const int32_t position : query_positions_) {
    if (position <= previous || position >= tokens()) {
      return Wrong(path(), "query_positions",
                   absl::StrCat(position, " after ", previous, ", expected ascending positions of ",
                                tokens(), " tokens"));
    }
    previous = position;
  }
  return absl::OkStatus();
}

absl::Status Trace::ReadLayers() {
  const absl::StatusOr<std::vector<int32_t>> ids = LayerIds(file_);
  if (!ids.ok()) return ids.status();
  for (const int32_t id : *ids) {
    const absl::Status status = ReadLayer(id);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status Trace::TakeHeads(const std::string& prefix, const TraceVectors& keys,
                              const TraceVectors& queries) {
  const int64_t dim = keys.head_dim;
  if (keys.heads < 1 || keys.heads > kMaxKvHeads || queries.heads < 1 ||
      queries.heads > kMaxQueryHeads || queries.heads % keys.heads != 0 || dim < 1 ||
      dim > kMaxHeadDim) {
    return Wrong(path(), prefix + "queries",
                 absl::StrCat(queries.heads, " query heads over ", keys.heads,
                              " kv heads of dimension ", dim, " are no attention shape"));
  }
  kv_heads_ = static_cast<int>(keys.heads);
  query_heads_ = static_cast<int>(queries.heads);
  head_dim_ = static_cast<int>(dim);
  return absl::OkStatus();
}

absl::Status Trace::ReadLayer(int32_t id) {
  const std::string prefix = absl::StrCat("layers.", id, ".");
  absl::StatusOr<TraceVectors> keys = ReadVectors(file_, prefix + "keys");
  if (!keys.ok()) return keys.status();
  absl::StatusOr<TraceVectors> queries = ReadVectors(file_, prefix + "queries");
  if (!queries.ok()) return queries.status();
  if (layers_.empty()) {
    const absl::Status heads = TakeHeads(prefix, *keys, *queries);
    if (!heads.ok()) return heads;
  }
  absl::Status status = CheckShape(path(), prefix + "keys", *keys, kv_heads_, tokens(), head_dim_);
  if (status.ok()) {
    status = CheckShape(path(), prefix + "queries", *queries, query_heads_,
                        std::ssize(query_positions_), head_dim_);
  }
  TraceLayer layer = {*keys, *queries, std::nullopt};
  if (status.ok() && file_.Find(prefix + "values") != nullptr) {
    const absl::StatusOr<TraceVectors> values = ReadVectors(file_, prefix + "values");
    if (!values.ok()) return values.status();
    status = CheckShape(path(), prefix + "values", *values, kv_heads_, tokens(), head_dim_);
    layer.values = *values;
  }
  layers_.emplace(id, layer);
  return status;
}

absl::Status Trace::CheckRemarks() const {
  const std::pair<const char*, int64_t> counts[] = {{"kv_heads", kv_heads_},
                                                    {"query_heads", query_heads_},
                                                    {"head_dim", head_dim_},
                                                    {"tokens", tokens()}};
  for (const auto& [key, value] : counts) {
    const std::string said = Remark(key);
    if (!said.empty() && said != absl::StrCat(value)) {
      return absl::InvalidArgumentError(absl::StrCat(path(), ": metadata \"", key, "\": \"",
                                                     said.substr(0, 32),
                                                     "\", but the tensors have ", value));
    }
  }
  return absl::OkStatus();
}

std::string Trace::Remark(const std::string& key) const {
  const auto found = file_.metadata().find(key);
  return found == file_.metadata().end() ? "" : found->second;
}

std::vector<std::byte> KeysByPosition(const TraceVectors& keys, int64_t positions) {
  const int64_t vector_bytes = keys.head_dim * ElementBytes(keys.type);
  std::vector<std::byte> out(positions * keys.heads * vector_bytes);
  for (int64_t head = 0; head < keys.heads; ++head) {
    const std::span<const std::byte> from = keys.Of(head, 0, positions);
    for (int64_t position = 0; position < positions; ++position) {
      std::memcpy(&out[(position * keys.heads + head) * vector_bytes],
                  &from[position * vector_bytes], vector_bytes);
    }
  }
  return out;
}

}  // namespace kvsift::trace
