#include "client/load/compare_command.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <system_error>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace kvsift::load {
namespace {

using Json = nlohmann::ordered_json;

constexpr char kLegend[] =
    "\nNoise is how a figure varies from interval to interval within each run, judged at 1 in "
    "100.\n"
    "It does not tell how much whole runs vary: repeat them before you trust a small difference.\n";

std::string VerdictName(Verdict verdict) {
  switch (verdict) {
    case Verdict::kTooLittleData:
      return "too_little_data";
    case Verdict::kWithinNoise:
      return "within_noise";
    case Verdict::kBetter:
      return "better";
    case Verdict::kWorse:
      return "worse";
  }
  return "";
}

Json NumberJson(const std::optional<double>& value) { return value ? Json(*value) : Json(); }

std::string UnitOf(const std::string& figure) {
  if (figure == "rate") return "rate /s";
  if (figure == "errors") return "errors %";
  if (figure == "ratio") return "p50 / echo";
  return absl::StrCat(figure, " us");
}

std::string NumberText(const std::string& figure, const std::optional<double>& value) {
  if (!value) return "-";
  if (figure == "errors") return absl::StrFormat("%.4g", 100 * *value);
  if (figure == "ratio") return absl::StrFormat("%.3f", *value);
  return absl::StrFormat("%.1f", *value);
}

// What every result has and `json` lacks.
std::vector<std::string> MissingOf(const Json& json) {
  std::vector<std::string> missing;
  for (const char* field : {"kvsift_load", "rate_per_s", "latency_us"}) {
    if (!json.is_object() || !json.contains(field))
      missing.push_back(absl::StrCat("\"", field, "\""));
  }
  return missing;
}

}  // namespace

absl::StatusOr<Json> ReadResult(const std::string& path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": is a folder, not a file"));
  }
  std::ifstream file(path, std::ios::binary);
  if (!file) return absl::NotFoundError(absl::StrCat(path, ": ", std::strerror(errno)));
  // Not parsed from the stream, which throws where it cannot be read on.
  std::ostringstream text;
  text << file.rdbuf();
  Json json = Json::parse(text.str(), nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": is not JSON; kvsift-load --format json prints results"));
  }
  const std::vector<std::string> missing = MissingOf(json);
  if (!missing.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        path, ": is not a result of kvsift-load: it lacks ", absl::StrJoin(missing, ", ")));
  }
  return json;
}

Json ComparisonJson(const Comparison& comparison) {
  Json figures = Json::object();
  for (const Difference& difference : comparison.differences) {
    figures[difference.figure] = {{"a", NumberJson(difference.a)},
                                  {"b", NumberJson(difference.b)},
                                  {"change", NumberJson(difference.change)},
                                  {"verdict", VerdictName(difference.verdict)},
                                  {"judgement", difference.judgement}};
  }
  return {{"figures", figures}, {"warnings", comparison.warnings}};
}

std::string ComparisonTable(const Comparison& comparison) {
  std::string out = absl::StrFormat("%-10s  %12s  %12s  %9s\n", "", "A", "B", "change");
  for (const Difference& difference : comparison.differences) {
    const std::string& figure = difference.figure;
    const std::string change =
        difference.change ? absl::StrFormat("%+.1f %%", 100 * *difference.change) : "-";
    absl::StrAppendFormat(&out, "%-10s  %12s  %12s  %9s  %s\n", UnitOf(figure),
                          NumberText(figure, difference.a), NumberText(figure, difference.b),
                          change, difference.judgement);
  }
  if (!comparison.warnings.empty()) absl::StrAppend(&out, "\n");
  for (const std::string& warning : comparison.warnings) {
    absl::StrAppend(&out, "warning: ", warning, "\n");
  }
  return absl::StrCat(out, kLegend);
}

int RunCompare(const std::string& path_a, const std::string& path_b, bool json) {
  const absl::StatusOr<Json> a = ReadResult(path_a);
  const absl::StatusOr<Json> b = ReadResult(path_b);
  for (const auto* result : {&a, &b}) {
    if (result->ok()) continue;
    std::fprintf(stderr, "kvsift-load: %s\n", std::string(result->status().message()).c_str());
  }
  if (!a.ok() || !b.ok()) return 2;
  const Comparison comparison = Compare(*a, *b);
  const std::string text =
      json ? ComparisonJson(comparison).dump(2) + "\n" : ComparisonTable(comparison);
  std::fwrite(text.data(), 1, text.size(), stdout);
  return 0;
}

}  // namespace kvsift::load
