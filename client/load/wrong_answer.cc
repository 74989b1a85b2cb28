#include "client/load/wrong_answer.h"

#include <fstream>
#include <iterator>
#include <span>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

namespace kvsift::load {
namespace {

using Json = nlohmann::ordered_json;

constexpr char kMark[] = "kvsift_load_wrong_answer";

std::string ToHex(std::span<const std::byte> bytes) {
  return absl::BytesToHexString({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

std::vector<std::byte> FromHex(const std::string& hex) {
  const std::string bytes = absl::HexStringToBytes(hex);
  const auto data = std::as_bytes(std::span(bytes));
  return {data.begin(), data.end()};
}

Json ToJson(const Rows& rows) {
  return {{"width", rows.width}, {"counts", rows.counts}, {"positions", rows.positions}};
}

Rows RowsFrom(const Json& json) {
  return {json.at("width"), json.at("counts"), json.at("positions")};
}

Json ToJson(const client::StoreConfig& config) {
  return {{"layer_ids", config.layer_ids},     {"kv_heads", config.kv_heads},
          {"query_heads", config.query_heads}, {"head_dim", config.head_dim},
          {"key_bits", config.key_bits},       {"key_scales", config.key_scales}};
}

client::StoreConfig ConfigFrom(const Json& json) {
  client::StoreConfig config;
  config.layer_ids = json.at("layer_ids").get<std::vector<int32_t>>();
  config.kv_heads = json.at("kv_heads");
  config.query_heads = json.at("query_heads");
  config.head_dim = json.at("head_dim");
  config.key_bits = json.at("key_bits");
  config.key_scales = json.at("key_scales").get<std::vector<float>>();
  return config;
}

Json ToJson(const Policy& policy) {
  return {{"k", policy.k},
          {"estimator", EstimatorName(policy.estimator)},
          {"grouping", GroupingName(policy.grouping)},
          {"sinks", policy.sinks},
          {"window", policy.window}};
}

Policy PolicyFrom(const Json& json) {
  const std::string estimator = json.at("estimator");
  const std::string grouping = json.at("grouping");
  // A name of another version is no answer: value() throws, which the reader turns into a status.
  return {json.at("k"), EstimatorFromName(estimator).value(), GroupingFromName(grouping).value(),
          json.at("sinks"), json.at("window")};
}

Json ToJson(const WrongAnswer& wrong) {
  return {{kMark, 1},
          {"what", wrong.what},
          {"store", ToJson(wrong.config)},
          {"policy", ToJson(wrong.policy)},
          {"seed", absl::StrCat(wrong.seed)},
          {"sequence_id", absl::StrCat(wrong.sequence_id)},
          {"layer", wrong.layer},
          {"visible", wrong.visible},
          {"elements", wrong.type ? ElementName(*wrong.type) : "codes"},
          {"keys", ToHex(wrong.keys)},
          {"query", ToHex(wrong.query)},
          {"query_scales", wrong.query_scales},
          {"expected", ToJson(wrong.expected)},
          {"got", ToJson(wrong.got)}};
}

WrongAnswer WrongAnswerFrom(const Json& json) {
  WrongAnswer wrong;
  wrong.what = json.at("what");
  wrong.config = ConfigFrom(json.at("store"));
  wrong.policy = PolicyFrom(json.at("policy"));
  (void)absl::SimpleAtoi(json.at("seed").get<std::string>(), &wrong.seed);
  (void)absl::SimpleAtoi(json.at("sequence_id").get<std::string>(), &wrong.sequence_id);
  wrong.layer = json.at("layer");
  wrong.visible = json.at("visible");
  if (json.at("elements") == ElementName(ElementType::kFloat16)) {
    wrong.type = ElementType::kFloat16;
  }
  wrong.keys = FromHex(json.at("keys"));
  wrong.query = FromHex(json.at("query"));
  wrong.query_scales = json.at("query_scales").get<std::vector<float>>();
  wrong.expected = RowsFrom(json.at("expected"));
  wrong.got = RowsFrom(json.at("got"));
  return wrong;
}

}  // namespace

Question WrongAnswer::AsQuestion() const {
  return {layer, visible, {keys, type}, {query, type}, query_scales};
}

std::string FirstDifference(const Rows& expected, const Rows& got) {
  if (expected == got) return "";
  if (got.width != expected.width || got.counts.size() != expected.counts.size()) {
    return absl::StrCat(got.counts.size(), " rows of width ", got.width, ", expected ",
                        expected.counts.size(), " of ", expected.width);
  }
  for (size_t row = 0; row < expected.counts.size(); ++row) {
    if (got.counts[row] != expected.counts[row]) {
      return absl::StrCat("row ", row, ": count ", got.counts[row], ", expected ",
                          expected.counts[row]);
    }
    for (size_t i = 0; i < static_cast<size_t>(expected.width); ++i) {
      const size_t at = row * expected.width + i;
      if (got.positions[at] != expected.positions[at]) {
        return absl::StrCat("row ", row, ", index ", i, ": ", got.positions[at], ", expected ",
                            expected.positions[at]);
      }
    }
  }
  return "";
}

absl::Status WriteWrongAnswer(const std::string& path, const WrongAnswer& wrong) {
  std::ofstream file(path, std::ios::binary);
  file << ToJson(wrong).dump() << '\n';
  file.close();
  if (file) return absl::OkStatus();
  return absl::PermissionDeniedError(absl::StrCat(path, ": cannot be written"));
}

absl::StatusOr<WrongAnswer> ReadWrongAnswer(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return absl::NotFoundError(absl::StrCat(path, ": cannot be read"));
  try {
    return WrongAnswerFrom(Json::parse(file));
  } catch (const std::exception& error) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": is no wrong answer of kvsift-load: ", error.what()));
  }
}

}  // namespace kvsift::load
