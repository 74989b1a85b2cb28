#include "tests/kernels/golden/golden_cases.h"

#include <cstdlib>
#include <fstream>
#include <iostream>

#include "kernels/format/element.h"
#include "nlohmann/json.hpp"

namespace kvsift {
namespace {

using Json = nlohmann::json;

Json ReadJson(const std::string& path) {
  std::ifstream file(path);
  Json json = Json::parse(file, nullptr, /*allow_exceptions=*/false);
  if (json.is_array() && !json.empty()) return json;
  std::cerr << path << " is not a readable list of golden cases\n";
  std::abort();
}

std::vector<std::byte> Bytes(const Json& hex) {
  const auto text = hex.get<std::string>();
  std::vector<std::byte> bytes;
  for (size_t i = 0; i < text.size(); i += 2) {
    bytes.push_back(static_cast<std::byte>(std::stoi(text.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

std::vector<float> Floats(const Json& hex) {
  const auto bytes = Bytes(hex);
  std::vector<float> floats;
  for (size_t i = 0; i < bytes.size(); i += 4) {
    floats.push_back(LoadElement(&bytes[i], ElementType::kFloat32));
  }
  return floats;
}

GoldenEncoding ParseEncoding(const Json& json) {
  GoldenEncoding encoding;
  encoding.kind = json["kind"];
  encoding.head_dim = json["head_dim"];
  encoding.elements = Bytes(json["float32_hex"]);
  encoding.key_scale = Floats(json["key_scale_hex"]).front();
  for (size_t bits = 1; bits <= kMaxKeyBits; ++bits) {
    encoding.key[bits - 1] = Bytes(json["key"][std::to_string(bits)]);
    encoding.query[bits - 1] = Bytes(json["query"][std::to_string(bits)]);
  }
  encoding.fine_query = Bytes(json["query4"]);
  encoding.fine_query_scale = Floats(json["query4_scale_hex"]).front();
  return encoding;
}

void ParseExpectation(const Json& expect, GoldenSelection& selection) {
  selection.width = expect["width"];
  selection.counts = expect["counts"].get<std::vector<int32_t>>();
  for (const Json& row : expect["positions"]) {
    for (const Json& position : row) selection.positions.push_back(position);
  }
  if (!expect.contains("scores")) return;
  for (const Json& row : expect["scores"]) {
    for (const Json& score : row) selection.scores.push_back(score);
    const size_t padding = static_cast<size_t>(selection.width) - row.size();
    selection.scores.insert(selection.scores.end(), padding, 0);
  }
}

GoldenSelection ParseSelection(const Json& json) {
  GoldenSelection selection;
  selection.shape = {.layers = 1,
                     .kv_heads = json["kv_heads"],
                     .query_heads = json["query_heads"],
                     .head_dim = json["head_dim"],
                     .key_bits = json["bits"]};
  if (json.contains("key_scales_hex")) selection.key_scales = Floats(json["key_scales_hex"]);
  selection.length = json["length"];
  selection.keys = Bytes(json["keys"]);
  selection.policy = {.k = json["k"],
                      .estimator = *EstimatorFromName(json["estimator"].get<std::string>()),
                      .grouping = *GroupingFromName(json["grouping"].get<std::string>()),
                      .sinks = json["sinks"],
                      .window = json["window"]};
  selection.queries = Bytes(json["queries"]);
  if (json.contains("query_scales_hex")) selection.query_scales = Floats(json["query_scales_hex"]);
  selection.visible = json["visible"].get<std::vector<int64_t>>();
  ParseExpectation(json["expect"], selection);
  return selection;
}

}  // namespace

std::vector<GoldenEncoding> ReadGoldenEncodings(const std::string& directory) {
  std::vector<GoldenEncoding> encodings;
  for (const char* file : {"/encode.json", "/encode-edges.json"}) {
    for (const Json& json : ReadJson(directory + file)) encodings.push_back(ParseEncoding(json));
  }
  return encodings;
}

std::vector<GoldenSelection> ReadGoldenSelections(const std::string& directory) {
  std::vector<GoldenSelection> selections;
  for (const char* file : {"/select.json", "/select-edges.json"}) {
    int index = 0;
    for (const Json& json : ReadJson(directory + file)) {
      selections.push_back(ParseSelection(json));
      selections.back().name = std::string(file) + " case " + std::to_string(index++);
    }
  }
  return selections;
}

}  // namespace kvsift
