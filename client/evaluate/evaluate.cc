#include "client/evaluate/evaluate.h"

#include <span>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/evaluate/calibration.h"
#include "client/evaluate/replay.h"

namespace kvsift::evaluate {
namespace {

constexpr double kHalfPrecisionBytes = 2;

absl::Status CheckPlan(const trace::Trace& trace, const trace::Trace& calibration,
                       const Plan& plan) {
  if (plan.layers.empty() || plan.policies.empty()) {
    return absl::InvalidArgumentError("plan: no layers or no policies");
  }
  if (calibration.kv_heads() != trace.kv_heads() || calibration.head_dim() != trace.head_dim()) {
    return absl::InvalidArgumentError(absl::StrCat(
        calibration.path(), ": ", calibration.kv_heads(), " kv heads of ", calibration.head_dim(),
        ", but ", trace.path(), " has ", trace.kv_heads(), " of ", trace.head_dim()));
  }
  return absl::OkStatus();
}

client::StoreConfig ConfigFor(const trace::Trace& trace, const Plan& plan) {
  client::StoreConfig config;
  config.name = UniqueStoreName();
  config.layer_ids = plan.layers;
  config.kv_heads = trace.kv_heads();
  config.query_heads = trace.query_heads();
  config.head_dim = trace.head_dim();
  config.key_bits = plan.key_bits;
  return config;
}

// Index of the list of (query head `head`, query position `index`) among `lists` of all positions.
int64_t ListIndex(const trace::Trace& trace, Grouping grouping, int64_t index, int64_t head) {
  const int64_t group = trace.query_heads() / trace.kv_heads();
  switch (grouping) {
    case Grouping::kHead:
      return index * trace.query_heads() + head;
    case Grouping::kGroupMax:
    case Grouping::kGroupSum:
    case Grouping::kGroupUnion:
      return index * trace.kv_heads() + head / group;
    case Grouping::kLayerMax:
      return index;
  }
  return -1;
}

Outcome MakeOutcome(const Policy& policy, const ReplayedSelection& replayed) {
  Outcome outcome;
  outcome.policy = policy;
  outcome.calls = replayed.calls;
  outcome.rows = std::ssize(replayed.lists);
  const double us = absl::ToDoubleMicroseconds(replayed.elapsed);
  outcome.call_us = us / static_cast<double>(outcome.calls);
  outcome.row_us = us / static_cast<double>(outcome.rows);
  for (const auto& list : replayed.lists) {
    outcome.positions_per_row +=
        static_cast<double>(list.size()) / static_cast<double>(outcome.rows);
  }
  return outcome;
}

class Run {
 public:
  Run(Client& client, const trace::Trace& trace, const trace::Trace& calibration, const Plan& plan)
      : client_(client), trace_(trace), calibration_(calibration), plan_(plan) {
    // One step for calibration, and per layer one for its keys, each policy and the truth.
    steps_ = 1 + static_cast<double>(plan.layers.size() * (plan.policies.size() + 2));
  }

  absl::StatusOr<Report> Do() {
    absl::Status status = CheckPlan(trace_, calibration_, plan_);
    if (status.ok()) status = Step("measuring key scales");
    if (!status.ok()) return status;
    const auto server = client_.GetServer(absl::Now() + plan_.timeout);
    if (!server.ok()) return server.status();
    client::StoreConfig config = ConfigFor(trace_, plan_);
    auto scales = CalibrateOnTrace(client_, calibration_, plan_.layers, plan_.calibration_positions,
                                   plan_.timeout);
    if (!scales.ok()) return scales.status();
    config.key_scales = *std::move(scales);
    absl::StatusOr<Replay> replay = Replay::Start(client_, trace_, config, plan_.timeout);
    if (!replay.ok()) return replay.status();
    Report report;
    report.tokens = trace_.tokens();
    report.query_positions = std::ssize(trace_.query_positions());
    for (const int32_t layer : plan_.layers) {
      auto layer_report = DoLayer(*replay, layer, server->limits.max_answer_bytes);
      if (!layer_report.ok()) return layer_report.status();
      report.layers.emplace(layer, *std::move(layer_report));
    }
    const absl::StatusOr<int64_t> resident = replay->ResidentBytes();
    if (!resident.ok()) return resident.status();
    const auto keys = static_cast<double>(trace_.tokens() * trace_.kv_heads()) *
                      static_cast<double>(plan_.layers.size());
    report.stored_key_bytes = static_cast<double>(*resident) / keys;
    report.fp16_key_bytes = kHalfPrecisionBytes * trace_.head_dim();
    status = replay->Finish();
    if (!status.ok()) return status;
    return report;
  }

 private:
  absl::Status Step(const std::string& what) {
    const double done = done_++ / steps_;
    if (plan_.progress && !plan_.progress(what, done)) {
      return absl::CancelledError("interrupted");
    }
    return absl::OkStatus();
  }

  absl::StatusOr<LayerReport> DoLayer(Replay& replay, int32_t layer, int64_t max_answer_bytes) {
    absl::Status status = Step(absl::StrCat("layer ", layer, ": appending keys"));
    if (status.ok()) status = replay.AppendLayer(layer);
    if (!status.ok()) return status;
    std::vector<ReplayedSelection> selections;
    for (const Policy& policy : plan_.policies) {
      status = Step(absl::StrCat("layer ", layer, ": ",
                                 std::string(EstimatorName(policy.estimator)), " ", policy.k));
      if (!status.ok()) return status;
      auto selection = replay.Select(layer, policy, max_answer_bytes);
      if (!selection.ok()) return selection.status();
      selections.push_back(*std::move(selection));
    }
    status = Step(absl::StrCat("layer ", layer, ": exact attention"));
    if (!status.ok()) return status;
    return Measure(trace_.layers().at(layer), selections);
  }

  LayerReport Measure(const trace::TraceLayer& layer,
                      const std::vector<ReplayedSelection>& selections) const {
    LayerReport report;
    for (size_t i = 0; i < selections.size(); ++i) {
      report.outcomes.push_back(MakeOutcome(plan_.policies[i], selections[i]));
    }
    const int64_t group = trace_.query_heads() / trace_.kv_heads();
    for (int64_t kv_head = 0; kv_head < trace_.kv_heads(); ++kv_head) {
      const TrueKeys keys(layer.keys, kv_head);
      for (int64_t head = kv_head * group; head < (kv_head + 1) * group; ++head) {
        MeasureHead(layer, keys, head, selections, report);
      }
    }
    return report;
  }

  // Adds the rows of one query head to the means.
  void MeasureHead(const trace::TraceLayer& layer, const TrueKeys& keys, int64_t head,
                   const std::vector<ReplayedSelection>& selections, LayerReport& report) const {
    const std::span<const int32_t> positions = trace_.query_positions();
    const double share = 1.0 / static_cast<double>(positions.size() * trace_.query_heads());
    for (int64_t index = 0; index < std::ssize(positions); ++index) {
      const TrueAttention truth(
          keys.Products(layer.queries.Of(head, index, 1), layer.queries.type, positions[index] + 1),
          trace_.head_dim());
      std::map<int32_t, std::vector<int32_t>> best;
      for (const Policy& policy : plan_.policies) {
        if (best.contains(policy.k)) continue;
        const auto& list = best[policy.k] = truth.Best(policy.k);
        report.exact[policy.k] += share * truth.Measure(list, list).mass;
      }
      for (size_t i = 0; i < selections.size(); ++i) {
        const Policy& policy = plan_.policies[i];
        const auto& list = selections[i].lists[ListIndex(trace_, policy.grouping, index, head)];
        const Quality quality = truth.Measure(list, best[policy.k]);
        report.outcomes[i].quality.recall += share * quality.recall;
        report.outcomes[i].quality.mass += share * quality.mass;
      }
    }
  }

  Client& client_;
  const trace::Trace& trace_;
  const trace::Trace& calibration_;
  const Plan& plan_;
  double steps_ = 1;
  double done_ = 0;
};

}  // namespace

absl::StatusOr<Report> Evaluate(Client& client, const trace::Trace& trace,
                                const trace::Trace& calibration, const Plan& plan) {
  return Run(client, trace, calibration, plan).Do();
}

}  // namespace kvsift::evaluate
