#include "client/load/compare.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <string_view>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/load/noise.h"

namespace kvsift::load {
namespace {

using Json = nlohmann::ordered_json;

// Where a figure is in a result and in its intervals, and what a lower one is called.
struct Figure {
  const char* name;
  const char* whole;     // JSON pointer from the result
  const char* interval;  // from an interval
  const char* lower;
  const char* higher;
  bool lower_is_better;
};

// Nothing in the intervals tells how the echo varies, so the ratio has no samples.
constexpr Figure kFigures[] = {
    {"rate", "/rate_per_s", "/rate_per_s", "slower", "faster", false},
    {"p50", "/latency_us/p50", "/p50_us", "faster", "slower", true},
    {"p90", "/latency_us/p90", "/p90_us", "faster", "slower", true},
    {"p99", "/latency_us/p99", "/p99_us", "faster", "slower", true},
    {"p99.9", "/latency_us/p999", "/p999_us", "faster", "slower", true},
    {"max", "/latency_us/max", "/max_us", "faster", "slower", true},
    {"errors", "/errors", "/errors", "fewer", "more", true},
    {"ratio", "/ratio/p50", nullptr, "lower", "higher", true},
};

std::optional<double> NumberAt(const Json& document, const char* pointer) {
  const Json::json_pointer path(pointer);
  if (!document.contains(path) || !document[path].is_number()) return std::nullopt;
  return document[path].get<double>();
}

double ErrorCount(const Json& errors) {
  double count = errors.is_number() ? errors.get<double>() : 0;
  if (!errors.is_object()) return count;
  for (const Json& value : errors) count += value.is_number() ? value.get<double>() : 0;
  return count;
}

bool IsErrors(const Figure& figure) { return figure.name == std::string_view("errors"); }

std::optional<double> WholeOf(const Figure& figure, const Json& result) {
  if (!IsErrors(figure)) return NumberAt(result, figure.whole);
  const std::optional<double> requests = NumberAt(result, "/requests");
  if (!result.contains("errors") || requests.value_or(0) <= 0) return std::nullopt;
  return ErrorCount(result["errors"]) / *requests;
}

// The figure in each interval that has it; a latency of 0 is that of an interval without answers.
std::vector<double> SamplesOf(const Figure& figure, const Json& result) {
  std::vector<double> samples;
  if (figure.interval == nullptr || !result.contains("intervals")) return samples;
  for (const Json& interval : result["intervals"]) {
    std::optional<double> value = NumberAt(interval, figure.interval);
    if (IsErrors(figure) && value)
      *value /= std::max(NumberAt(interval, "/count").value_or(1), 1.0);
    const bool is_latency = std::string_view(figure.whole).starts_with("/latency_us");
    if (value && (*value > 0 || !is_latency)) samples.push_back(*value);
  }
  return samples;
}

// "slower by 9.8 %"; without the number where there is nothing to divide by.
std::string ChangeText(const Figure& figure, const Difference& difference, bool is_lower) {
  std::string out = is_lower ? figure.lower : figure.higher;
  if (difference.change)
    absl::StrAppendFormat(&out, " by %.1f %%", 100 * std::abs(*difference.change));
  return absl::StrCat(out, " (beyond noise)");
}

void Judge(const Figure& figure, Shift shift, Difference& difference) {
  difference.judgement = "too little data";
  if (!difference.a || !difference.b) return;
  const bool is_lower = *difference.b < *difference.a;
  const bool is_same = *difference.b == *difference.a;
  if (shift == Shift::kUnknown && !(IsErrors(figure) && is_same && *difference.a == 0)) return;
  // Runs whose intervals tilt one way and whose whole tilts the other say nothing clear.
  const bool agrees = !is_same && shift == (is_lower ? Shift::kLower : Shift::kHigher);
  if (!agrees) {
    difference.verdict = Verdict::kWithinNoise;
    difference.judgement = "within noise";
    return;
  }
  difference.verdict = is_lower == figure.lower_is_better ? Verdict::kBetter : Verdict::kWorse;
  difference.judgement = ChangeText(figure, difference, is_lower);
}

Difference DifferenceOf(const Figure& figure, const Json& a, const Json& b) {
  Difference out;
  out.figure = figure.name;
  out.a = WholeOf(figure, a);
  out.b = WholeOf(figure, b);
  if (out.a && out.b && *out.a != 0) out.change = *out.b / *out.a - 1;
  Judge(figure, ShiftBetween(SamplesOf(figure, a), SamplesOf(figure, b)), out);
  return out;
}

std::string ValueText(const Json& object, const std::string& key) {
  if (!object.is_object() || !object.contains(key)) return "absent";
  return object[key].dump(-1, ' ', false, Json::error_handler_t::replace);
}

// Every key of a section whose values are not the same.
void WarnOfSection(const char* section, const Json& a, const Json& b,
                   std::vector<std::string>& warnings) {
  const Json in_a = a.contains(section) ? a[section] : Json::object();
  const Json in_b = b.contains(section) ? b[section] : Json::object();
  std::vector<std::string> keys;
  std::set<std::string> seen;
  for (const Json* object : {&in_a, &in_b}) {
    if (!object->is_object()) continue;
    for (const auto& item : object->items()) {
      if (seen.insert(item.key()).second) keys.push_back(item.key());
    }
  }
  for (const std::string& key : keys) {
    const std::string first = ValueText(in_a, key);
    const std::string second = ValueText(in_b, key);
    if (first == second) continue;
    // A terminal must not obey what a key holds; dump() has escaped the values.
    const std::string name = absl::Utf8SafeCEscape(key);
    warnings.push_back(
        absl::StrCat(section, ".", name, " differs: ", first, " in A, ", second, " in B"));
  }
}

// What the answers of one run say against it, whatever its speed.
void WarnOfAnswers(const char* name, const Json& result, std::vector<std::string>& warnings) {
  const double wrong = NumberAt(result, "/differences").value_or(0);
  if (wrong > 0) warnings.push_back(absl::StrFormat("%s has %.0f wrong answers", name, wrong));
  const double errors = result.contains("errors") ? ErrorCount(result["errors"]) : 0;
  if (errors > 0) warnings.push_back(absl::StrFormat("%s has %.0f errors", name, errors));
}

}  // namespace

Comparison Compare(const Json& a, const Json& b) {
  Comparison out;
  for (const Figure& figure : kFigures) out.differences.push_back(DifferenceOf(figure, a, b));
  const std::string first = ValueText(a, "scenario");
  const std::string second = ValueText(b, "scenario");
  if (first != second) {
    out.warnings.push_back(absl::StrCat("scenario differs: ", first, " in A, ", second, " in B"));
  }
  for (const char* section : {"config", "machine", "server"}) {
    WarnOfSection(section, a, b, out.warnings);
  }
  WarnOfAnswers("A", a, out.warnings);
  WarnOfAnswers("B", b, out.warnings);
  return out;
}

}  // namespace kvsift::load
