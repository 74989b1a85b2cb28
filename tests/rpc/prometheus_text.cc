#include "tests/rpc/prometheus_text.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <optional>
#include <regex>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace kvsift {
namespace {

using Labels = std::map<std::string, std::string>;

std::string SeriesOf(const std::string& name, const Labels& labels) {
  std::string text;
  for (const auto& [label, value] : labels) {
    absl::StrAppend(&text, text.empty() ? "" : ",", label, "=\"", value, "\"");
  }
  return text.empty() ? name : absl::StrCat(name, "{", text, "}");
}

std::optional<double> ParseValue(const std::string& text) {
  if (text == "+Inf") return std::numeric_limits<double>::infinity();
  double value = 0;
  if (!absl::SimpleAtod(text, &value)) return std::nullopt;
  return value;
}

// `a="1",b="x\"y"`, or nothing if it is something else.
std::optional<Labels> ParseLabels(const std::string& text) {
  static const std::regex kLabel(R"re(([a-z_][a-z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$))re");
  Labels labels;
  for (auto at = text.begin(); at != text.end();) {
    std::smatch match;
    if (!std::regex_search(at, text.end(), match, kLabel, std::regex_constants::match_continuous) ||
        !labels.emplace(match[1], match[2]).second) {
      return std::nullopt;
    }
    at = match[0].second;
  }
  return labels;
}

bool HasBaseUnits(const std::string& name) {
  static const std::regex kOtherUnits(
      "_(ns|us|ms|(nano|micro|milli)seconds|minutes|hours|kb|mb|gb|kib|mib|gib|"
      "(kilo|mega|giga|kibi|mebi|gibi)bytes|bits|percent)(_|$)");
  return !std::regex_search(name, kOtherUnits);
}

}  // namespace

PrometheusText::PrometheusText(const std::string& text) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.empty()) continue;
    line.front() == '#' ? ReadComment(line) : ReadSample(line);
  }
  for (const auto& [name, family] : families_) CheckFamily(name, family);
}

double PrometheusText::Value(const std::string& series) const {
  const auto found = values_.find(series);
  if (found != values_.end()) return found->second;
  ADD_FAILURE() << "no series " << series;
  return std::nan("");
}

double PrometheusText::Sum(const std::string& name) const {
  double sum = 0;
  for (const auto& [series, value] : values_) {
    if (series == name || absl::StartsWith(series, name + "{")) sum += value;
  }
  return sum;
}

int PrometheusText::Count(const std::string& name) const {
  int count = 0;
  for (const auto& [series, value] : values_) {
    if (series == name || absl::StartsWith(series, name + "{")) ++count;
  }
  return count;
}

void PrometheusText::Problem(const std::string& where, const std::string& what) {
  problems_.push_back(absl::StrCat(where, ": ", what));
}

void PrometheusText::ReadComment(const std::string& line) {
  static const std::regex kComment("# (HELP|TYPE) ([^ ]+) (.*)");
  std::smatch match;
  if (!std::regex_match(line, match, kComment)) return Problem(line, "neither HELP nor TYPE");
  const bool is_help = match[1] == "HELP";
  Family& family = families_[match[2]];
  std::string& said = is_help ? family.help : family.type;
  if (!said.empty()) Problem(match[2], "described twice");
  if (!family.samples.empty()) Problem(match[2], "described after its samples");
  said = match[3];
}

void PrometheusText::ReadSample(const std::string& line) {
  static const std::regex kSample(R"re(([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? ([^ ]+))re");
  std::smatch match;
  if (!std::regex_match(line, match, kSample)) return Problem(line, "not a sample");
  const auto labels = ParseLabels(match[2]);
  const auto value = ParseValue(match[3]);
  if (!labels.has_value() || !value.has_value()) return Problem(line, "not labels and a value");
  const std::string name = match[1];
  if (!values_.emplace(SeriesOf(name, *labels), *value).second) Problem(line, "there twice");
  Family* family = FamilyOf(name);
  if (family == nullptr) return Problem(line, "of no family");
  family->samples.push_back({.name = name, .labels = *labels, .value = *value});
}

PrometheusText::Family* PrometheusText::FamilyOf(const std::string& sample_name) {
  const auto whole = families_.find(sample_name);
  if (whole != families_.end()) return &whole->second;
  for (const char* part : {"_bucket", "_sum", "_count"}) {
    absl::string_view name = sample_name;
    if (!absl::ConsumeSuffix(&name, part)) continue;
    const auto found = families_.find(std::string(name));
    if (found == families_.end()) continue;
    const std::string& type = found->second.type;
    if (type == "histogram" || (type == "summary" && part != std::string("_bucket"))) {
      return &found->second;
    }
  }
  return nullptr;
}

void PrometheusText::CheckFamily(const std::string& name, const Family& family) {
  static const std::regex kName("(kvsift|process|exposer)(_[a-z0-9]+)+");
  static const std::regex kReserved(".*_(bucket|sum|count)");
  const bool is_counter = family.type == "counter";
  if (!std::regex_match(name, kName)) Problem(name, "not lower case, or of unknown origin");
  if (std::regex_match(name, kReserved)) Problem(name, "looks like a part of a histogram");
  if (!HasBaseUnits(name)) Problem(name, "not in base units");
  if (family.help.empty()) Problem(name, "no HELP");
  if (family.type.empty()) Problem(name, "no TYPE");
  if (is_counter != absl::EndsWith(name, "_total")) Problem(name, "_total is for counters");
  for (const Sample& sample : family.samples) {
    if (is_counter && !(sample.value >= 0)) Problem(sample.name, "a counter below 0");
  }
  if (family.type == "histogram") CheckHistogram(name, family);
}

void PrometheusText::CheckHistogram(const std::string& name, const Family& family) {
  std::map<std::string, std::map<double, double>> buckets;  // le to count, by the other labels
  for (const Sample& sample : family.samples) {
    if (sample.name != name + "_bucket") continue;
    Labels labels = sample.labels;
    const auto bound = ParseValue(labels["le"]);
    if (!bound.has_value()) Problem(name, "a bucket without a bound");
    labels.erase("le");
    buckets[SeriesOf("", labels)][bound.value_or(0)] = sample.value;
  }
  for (const auto& [labels, counts] : buckets) {
    double below = 0;
    for (const auto& [bound, count] : counts) {
      if (count < below) Problem(name + labels, "buckets are not cumulative");
      below = count;
    }
    const auto total = values_.find(absl::StrCat(name, "_count", labels));
    const bool is_whole = total != values_.end() && !std::isfinite(counts.rbegin()->first) &&
                          total->second == counts.rbegin()->second;
    if (!is_whole) Problem(name + labels, "the bucket of +Inf is not _count");
    if (!Has(absl::StrCat(name, "_sum", labels))) Problem(name + labels, "no _sum");
  }
  if (buckets.empty()) Problem(name, "no buckets");
}

}  // namespace kvsift
