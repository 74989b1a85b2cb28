#include "client/evaluate/report.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace kvsift::evaluate {
namespace {

using Json = nlohmann::ordered_json;

constexpr char kLegend[] =
    "\n"
    "recall     share of the true k best keys (by float64 q.k) that the list holds\n"
    "attention  share of the softmax's weight that the list's positions get\n"
    "of best    the same, of what the true k best keys get (estimator \"exact\")\n"
    "us/row     round trip of a batch of rows over the service, per row (one query of one head)\n";

std::string EstimatorText(const Policy& policy) {
  return std::string(EstimatorName(policy.estimator));
}

// `name`, and the grouping where heads share lists.
std::string WithGrouping(std::string name, const Policy& policy) {
  if (policy.grouping != Grouping::kHead) {
    absl::StrAppend(&name, "/", std::string(GroupingName(policy.grouping)));
  }
  return name;
}

void AppendLayer(int32_t id, const LayerReport& layer, std::string& out) {
  for (const Outcome& outcome : layer.outcomes) {
    const double best = layer.exact.at(outcome.policy.k);
    absl::StrAppendFormat(&out, "%5d  %-28s %6d  %6.3f  %9.3f  %5.1f %%  %8.1f\n", id,
                          WithGrouping(EstimatorText(outcome.policy), outcome.policy),
                          outcome.policy.k, outcome.quality.recall, outcome.quality.mass,
                          100 * outcome.quality.mass / best, outcome.row_us);
  }
  for (const auto& [k, mass] : layer.exact) {
    absl::StrAppendFormat(&out, "%5d  %-28s %6d  %6.3f  %9.3f  %5.1f %%  %8s\n", id, "exact", k,
                          1.0, mass, 100.0, "-");
  }
}

}  // namespace

std::string OutcomeName(const Policy& policy) {
  return WithGrouping(absl::StrCat(EstimatorText(policy), "@", policy.k), policy);
}

Json ReportJson(const Report& report) {
  Json layers = Json::object();
  for (const auto& [id, layer] : report.layers) {
    Json& out = layers[absl::StrCat(id)];
    for (const Outcome& outcome : layer.outcomes) {
      out[OutcomeName(outcome.policy)] = {{"recall", outcome.quality.recall},
                                          {"mass", outcome.quality.mass},
                                          {"positions_per_row", outcome.positions_per_row},
                                          {"us_per_call", outcome.call_us},
                                          {"us_per_row", outcome.row_us}};
    }
    for (const auto& [k, mass] : layer.exact) {
      out[absl::StrCat("exact@", k)] = {{"recall", 1.0}, {"mass", mass}};
    }
  }
  return {{"layers", layers},
          {"bytes_per_key", {{"stored", report.stored_key_bytes}, {"fp16", report.fp16_key_bytes}}},
          {"tokens", report.tokens},
          {"query_positions", report.query_positions}};
}

std::string ReportTable(const Report& report) {
  std::string out =
      "layer  estimator                         k  recall  attention  of best    us/row\n";
  for (const auto& [id, layer] : report.layers) AppendLayer(id, layer, out);
  absl::StrAppend(&out, kLegend);
  absl::StrAppendFormat(&out,
                        "\nstored     %.1f bytes per key and kv head, pages included; "
                        "the fp16 key has %.0f: %.1f times as many\n",
                        report.stored_key_bytes, report.fp16_key_bytes,
                        report.fp16_key_bytes / report.stored_key_bytes);
  return out;
}

}  // namespace kvsift::evaluate
