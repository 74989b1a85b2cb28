#include "client/load/document.h"

#include <string_view>

#include "absl/time/time.h"
#include "client/load/machine.h"

namespace kvsift::load {
namespace {

constexpr double kNsPerUs = 1e3;

// Where the curve of percentiles is read; denser towards the slow end.
constexpr double kPercentiles[] = {0,  10, 20, 30, 40,   50,   60,   70,    75,    80,
                                   85, 90, 95, 98, 99.0, 99.5, 99.9, 99.95, 99.99, 100};

double Us(int64_t ns) { return static_cast<double>(ns) / kNsPerUs; }

Json PercentilesJson(const LatencyHistogram& latency) {
  Json points = Json::array();
  for (const double percent : kPercentiles) {
    points.push_back(Json::array({percent, Us(latency.Quantile(percent / 100))}));
  }
  return points;
}

double Ratio(double value, double floor) { return floor > 0 ? value / floor : 0; }

double RatioOfP50(const LatencyHistogram& latency, const LatencyHistogram& floor) {
  return Ratio(Us(latency.Quantile(0.5)), Us(floor.Quantile(0.5)));
}

void AddFloors(const RunReport& report, Json& document) {
  const LatencyHistogram& latency = report.trial.result.latency;
  Json ratio = Json::object();
  if (report.floors.echo) {
    const Floor& echo = *report.floors.echo;
    document["echo"] = {{"latency_us", LatencyJson(echo.latency)},
                        {"rate_per_s", echo.Rate()},
                        {"p50_before_us", Us(echo.p50s.front())},
                        {"p50_after_us", Us(echo.p50s.back())},
                        {"percentiles", PercentilesJson(echo.latency)}};
    ratio["p50"] = RatioOfP50(latency, echo.latency);
    ratio["rate"] = Ratio(report.trial.Rate(), echo.Rate());
  }
  if (report.floors.socket) {
    const Floor& socket = *report.floors.socket;
    document["socket"] = {{"latency_us", LatencyJson(socket.latency)},
                          {"percentiles", PercentilesJson(socket.latency)}};
    ratio["socket_p50"] = RatioOfP50(latency, socket.latency);
  }
  if (!ratio.empty()) document["ratio"] = ratio;
}

Json OperationsJson(const Recorder::Result& result) {
  Json operations = Json::object();
  for (int i = 0; i < kOperations; ++i) {
    const Tally& tally = result.operations[i];
    if (tally.latency.Count() == 0 && tally.errors.empty()) continue;
    operations[std::string(OperationName(static_cast<Operation>(i)))] = {
        {"count", tally.latency.Count()},
        {"latency_us", LatencyJson(tally.latency)},
        {"errors", Json(tally.errors)}};
  }
  return operations;
}

Json IntervalJson(const TrialInterval& interval) {
  const LatencyHistogram& latency = interval.calls.latency;
  const auto count = static_cast<double>(latency.Count());
  Json json = {{"t_s", interval.end_s},
               {"count", latency.Count()},
               {"rate_per_s", Ratio(count, interval.length_s)},
               {"p50_us", Us(latency.Quantile(0.5))},
               {"p99_us", Us(latency.Quantile(0.99))},
               {"max_us", Us(latency.Max())},
               {"errors", interval.calls.errors}};
  if (interval.server) {
    const BatchMetrics& server = *interval.server;
    json["server"] = {
        {"batch_works", server.works},
        {"batch_rows", server.rows},
        {"queue_delay_us", {{"p50", server.queue_p50_us}, {"p99", server.queue_p99_us}}},
        {"device_us", {{"p50", server.device_p50_us}}},
        {"batches_per_s", server.batches_per_s}};
  }
  return json;
}

std::string_view StateName(client::MemberState state) {
  switch (state) {
    case client::MemberState::kServing:
      return "serving";
    case client::MemberState::kDraining:
      return "draining";
    case client::MemberState::kUnreachable:
      return "unreachable";
  }
  return "";
}

Json PoolJson(const RunReport& report) {
  Json members = Json::array();
  for (const client::MemberInfo& member : report.members) {
    members.push_back({{"address", member.address}, {"state", StateName(member.state)}});
  }
  return {{"members", members},
          {"moved_sequences", report.pool.moved_sequences},
          {"moved_positions", report.pool.moved_positions}};
}

Json ConfigJson(const Plan& plan) {
  const bool is_open = plan.rate > 0;
  return {{"workers", plan.workers},
          {"outstanding", plan.outstanding},
          {"sequences", plan.sequences},
          {"prefill_workers", plan.scenario == Scenario::kMixed ? plan.prefill_workers : 0},
          {"context", plan.context},
          {"grow", plan.grow},
          {"layers", plan.shape.layers},
          {"kv_heads", plan.shape.kv_heads},
          {"query_heads", plan.shape.query_heads},
          {"head_dim", plan.shape.head_dim},
          {"key_bits", plan.shape.key_bits},
          {"k", plan.policy.k},
          {"estimator", EstimatorName(plan.policy.estimator)},
          {"grouping", GroupingName(plan.policy.grouping)},
          {"sinks", plan.policy.sinks},
          {"window", plan.policy.window},
          {"vectors", plan.raw ? "float16" : "codes"},
          {"trace", plan.trace.empty() ? "synthetic" : plan.trace},
          {"loop", is_open ? "open" : "closed"},
          {"rate", plan.rate},
          {"arrival", is_open ? (plan.arrival == Arrival::kPoisson ? "poisson" : "constant") : ""},
          {"think_time_s", absl::ToDoubleSeconds(plan.think_time)},
          {"ramp_s", absl::ToDoubleSeconds(plan.ramp)},
          {"warm_up_s", absl::ToDoubleSeconds(plan.warm_up)},
          {"duration_s", absl::ToDoubleSeconds(plan.duration)},
          {"channels", plan.channels},
          {"busy_poll_us", absl::ToDoubleMicroseconds(plan.busy_poll)},
          {"seed", plan.seed},
          {"verify", plan.verify}};
}

}  // namespace

Json LatencyJson(const LatencyHistogram& latency) {
  return {{"p50", Us(latency.Quantile(0.5))},  {"p90", Us(latency.Quantile(0.9))},
          {"p99", Us(latency.Quantile(0.99))}, {"p999", Us(latency.Quantile(0.999))},
          {"max", Us(latency.Max())},          {"mean", latency.Mean() / kNsPerUs}};
}

Json ReportDocument(const RunReport& report) {
  const Recorder::Result& result = report.trial.result;
  Json document = {
      {"kvsift_load", KVSIFT_VERSION},
      {"scenario", ScenarioName(report.plan.scenario)},
      {"command", report.command},
      {"started", absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", report.started, absl::UTCTimeZone())},
      {"duration_s", report.trial.duration_s},
      {"rate_per_s", report.trial.Rate()},
      {"latency_us", LatencyJson(result.latency)},
      {"errors", Json(result.errors)},
      {"requests", result.requests},
      {"rows", result.work.rows},
      {"keys_scanned", result.work.keys_scanned},
      {"bytes", {{"sent", result.work.sent_bytes}, {"received", result.work.received_bytes}}},
      {"verified", report.verified},
      {"differences", report.differences}};
  if (result.errors.empty()) document["errors"] = Json::object();
  AddFloors(report, document);
  document["percentiles"] = PercentilesJson(result.latency);
  document["operations"] = OperationsJson(result);
  document["intervals"] = Json::array();
  for (const TrialInterval& interval : report.trial.intervals) {
    document["intervals"].push_back(IntervalJson(interval));
  }
  if (report.plan.is_pool()) document["pool"] = PoolJson(report);
  document["config"] = ConfigJson(report.plan);
  const Machine machine = ThisMachine();
  document["machine"] = {{"cpu", machine.cpu},
                         {"cores", machine.cores},
                         {"memory_bytes", machine.memory_bytes},
                         {"kernel", machine.kernel}};
  document["server"] = {{"version", report.server.version},
                        {"backend", report.server.backend},
                        {"backend_description", report.server.backend_description},
                        {"address", report.plan.server}};
  return document;
}

}  // namespace kvsift::load
