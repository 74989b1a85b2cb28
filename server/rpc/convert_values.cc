#include "server/rpc/convert_values.h"

#include <span>
#include <string>

#include "absl/strings/str_cat.h"
#include "kernels/encode/encode.h"
#include "kernels/encode/wire_codes.h"
#include "server/engine/field_error.h"
#include "server/rpc/convert_fields.h"

namespace kvsift {
namespace {

// The first bad element of elements [first, first + count), or OK.
absl::Status CheckElements(std::string_view field, const VectorData& data, int64_t first,
                           int64_t count) {
  const int64_t size = ElementBytes(*data.raw);
  const int64_t bad =
      FirstInvalidElement(*data.raw, data.bytes.subspan(first * size, count * size));
  return bad < 0 ? absl::OkStatus() : InvalidElement(field, data, first + bad);
}

absl::Status CheckScale(int64_t vector, float scale, std::span<const std::byte> code) {
  const bool is_valid = IsValidQueryScale(scale);
  if (is_valid && (scale != 0.0f || IsZeroCode(code))) return absl::OkStatus();
  return InvalidField(Indexed("queries.query_scales", vector), absl::StrCat(scale),
                      is_valid ? "more than 0: the code is not zero" : "0, or 2^-110 to 2^60");
}

// Four-plane codes [first, first + count) and their scales.
absl::Status CheckFineCodes(const StoreShape& shape, const StepRequest& request, int64_t first,
                            int64_t count) {
  const int64_t size = CodeBytes(shape.head_dim, kFineQueryBits);
  const auto codes = request.queries.bytes.subspan(first * size, count * size);
  const int64_t bad = FirstInvalidQueryCode(codes, shape.padded_dim());
  if (bad >= 0) {
    return InvalidField(absl::StrCat("queries.queries, code ", first + bad), "a coordinate of -8",
                        "-7 to 7");
  }
  for (int64_t i = 0; i < count; ++i) {
    absl::Status valid =
        CheckScale(first + i, request.query_scales[first + i], codes.subspan(i * size, size));
    if (!valid.ok()) return valid;
  }
  return absl::OkStatus();
}

// Query vectors [first, first + count). Codes of less than four planes are all valid.
absl::Status CheckQueries(const StoreShape& shape, const StepRequest& request, int64_t first,
                          int64_t count) {
  if (request.queries.raw.has_value()) {
    return CheckElements("queries.queries", request.queries, first * shape.head_dim,
                         count * shape.head_dim);
  }
  if (request.query_scales.empty()) return absl::OkStatus();
  return CheckFineCodes(shape, request, first, count);
}

void Mark(const absl::Status& status, StepEntry& entry) {
  if (entry.invalid.ok()) entry.invalid = status;
}

}  // namespace

absl::Status InvalidElement(std::string_view field, const VectorData& data, int64_t index) {
  const float value = LoadElement(data.bytes.data() + index * ElementBytes(*data.raw), *data.raw);
  return InvalidField(Indexed(field, index), absl::StrCat(value),
                      "a finite number of magnitude at most 2^32");
}

void MarkInvalidKeys(const StoreShape& shape, int64_t keys, StepInput& input) {
  const VectorData& data = input.request.keys;
  if (!data.raw.has_value() || data.bytes.empty()) return;  // every code is valid
  const int64_t key_elements = int64_t{shape.kv_heads} * shape.head_dim;
  const int64_t layers = std::ssize(input.layer_ids);
  if (CheckElements("keys.keys", data, 0, layers * keys * key_elements).ok()) return;
  int64_t first = 0;
  for (StepEntry& entry : input.entries) {
    for (int64_t layer = 0; layer < layers; ++layer) {
      Mark(CheckElements("keys.keys", data, (layer * keys + first) * key_elements,
                         entry.key_count * key_elements),
           entry);
    }
    first += entry.key_count;
  }
}

void MarkInvalidQueries(const StoreShape& shape, StepInput& input) {
  const StepRequest& request = input.request;
  const int64_t heads = shape.query_heads;
  if (CheckQueries(shape, request, 0, input.query_tokens * heads).ok()) return;
  int64_t first = 0;
  for (StepEntry& entry : input.entries) {
    Mark(CheckQueries(shape, request, first * heads, entry.query_tokens * heads), entry);
    first += entry.query_tokens;
  }
}

}  // namespace kvsift
