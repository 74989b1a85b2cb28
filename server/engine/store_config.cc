#include "server/engine/store_config.h"

#include <algorithm>
#include <bit>
#include <string>
#include <vector>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "kernels/format/code_shape.h"
#include "kernels/format/quantizer.h"
#include "server/engine/field_error.h"

namespace kvsift {
namespace {

absl::Status CheckRange(std::string_view field, int64_t value, int64_t least, int64_t most) {
  if (value >= least && value <= most) return absl::OkStatus();
  return InvalidField(field, absl::StrCat(value), absl::StrCat(least, " to ", most));
}

bool IsNameCharacter(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '_' || c == '/' ||
         c == '-';
}

absl::Status CheckName(const std::string& name) {
  if (IsStoreName(name)) return absl::OkStatus();
  return InvalidField("config.name", name,
                      absl::StrCat("1 to ", kMaxStoreNameBytes, " of [A-Za-z0-9._/-]"));
}

absl::Status CheckLayers(const StoreConfig& config) {
  const auto count = static_cast<int64_t>(config.layer_ids.size());
  absl::Status status = CheckRange("config.layer_ids", count, 1, kMaxLayers);
  if (!status.ok()) return status;
  if (config.shape.layers != count) {
    return InvalidField("shape.layers", absl::StrCat(config.shape.layers),
                        absl::StrCat(count, ", the number of layer ids"));
  }
  int32_t before = -1;
  for (int64_t i = 0; i < count; ++i) {
    const int32_t id = config.layer_ids[i];
    const std::string field = absl::StrCat("config.layer_ids[", i, "]");
    status = CheckRange(field, id, 0, kMaxLayerId);
    if (!status.ok()) return status;
    if (id <= before)
      return InvalidField(field, absl::StrCat(id),
                          absl::StrCat("more than ", before, ", ascending"));
    before = id;
  }
  return absl::OkStatus();
}

absl::Status CheckHeads(const StoreShape& shape) {
  absl::Status status = CheckRange("config.kv_heads", shape.kv_heads, 1, kMaxKvHeads);
  if (!status.ok()) return status;
  if (shape.query_heads < 1 || shape.query_heads > kMaxQueryHeads ||
      shape.query_heads % shape.kv_heads != 0) {
    return InvalidField(
        "config.query_heads", absl::StrCat(shape.query_heads),
        absl::StrCat("a multiple of kv_heads = ", shape.kv_heads, ", at most ", kMaxQueryHeads));
  }
  status = CheckRange("config.head_dim", shape.head_dim, 1, kMaxHeadDim);
  if (status.ok()) status = CheckRange("config.key_bits", shape.key_bits, 1, kMaxKeyBits);
  return status;
}

absl::Status CheckKeyScales(const StoreConfig& config) {
  const std::vector<float>& scales = config.key_scales;
  if (scales.empty()) return absl::OkStatus();
  const size_t expected = config.layer_ids.size() * config.shape.kv_heads;
  if (scales.size() != expected) {
    return InvalidField("config.key_scales", absl::StrCat(scales.size(), " elements"),
                        absl::StrCat(expected, " elements, layers x kv_heads, or none"));
  }
  for (size_t i = 0; i < scales.size(); ++i) {
    // Written so that NaN fails.
    if (scales[i] >= kMinKeyScale && scales[i] <= kMaxKeyScale) continue;
    return InvalidField(absl::StrCat("config.key_scales[", i, "]"), absl::StrCat(scales[i]),
                        "2^-60 to 2^40");
  }
  return absl::OkStatus();
}

void AddWord(uint32_t word, std::string& bytes) {
  for (int shift = 0; shift < 32; shift += 8) bytes.push_back(static_cast<char>(word >> shift));
}

}  // namespace

bool IsStoreName(std::string_view name) {
  return !name.empty() && name.size() <= kMaxStoreNameBytes &&
         std::all_of(name.begin(), name.end(), IsNameCharacter);
}

absl::Status ValidateStoreConfig(const StoreConfig& config, int32_t devices) {
  absl::Status status = CheckName(config.name);
  if (status.ok()) status = CheckLayers(config);
  if (status.ok()) status = CheckHeads(config.shape);
  if (status.ok()) status = CheckKeyScales(config);
  if (status.ok()) status = CheckRange("config.device", config.device, 0, devices - 1);
  return status;
}

uint64_t Fingerprint(const StoreConfig& config) {
  std::string bytes;
  AddWord(static_cast<uint32_t>(config.layer_ids.size()), bytes);
  for (const int32_t id : config.layer_ids) AddWord(static_cast<uint32_t>(id), bytes);
  AddWord(static_cast<uint32_t>(config.shape.kv_heads), bytes);
  AddWord(static_cast<uint32_t>(config.shape.head_dim), bytes);
  AddWord(static_cast<uint32_t>(config.shape.key_bits), bytes);
  for (const float scale : config.key_scales) AddWord(std::bit_cast<uint32_t>(scale), bytes);
  return XXH3_64bits(bytes.data(), bytes.size());
}

}  // namespace kvsift
