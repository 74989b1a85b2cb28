#include "client/load/table.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace kvsift::load {
namespace {

using Json = nlohmann::ordered_json;

std::string LatencyRow(const std::string& name, const Json& latency) {
  std::string row = absl::StrFormat("%-12s", name);
  for (const char* figure : {"p50", "p90", "p99", "p999", "max", "mean"}) {
    absl::StrAppendFormat(&row, "%11.1f", latency.at(figure).get<double>());
  }
  return row + "\n";
}

// 12345678 as "12.3 M".
std::string Short(double value) {
  const char* const units[] = {"", " k", " M", " G", " T"};
  int unit = 0;
  for (; value >= 1000 && unit < 4; ++unit) value /= 1000;
  return absl::StrFormat("%.*f%s", unit == 0 ? 0 : 1, value, units[unit]);
}

std::string Errors(const Json& errors) {
  std::string text;
  for (const auto& [code, count] : errors.items()) {
    absl::StrAppend(&text, text.empty() ? "" : ", ", code, " ", count.get<int64_t>());
  }
  return text.empty() ? "none" : text;
}

std::string Heading(const Json& document) {
  const Json& config = document.at("config");
  const Json& server = document.at("server");
  return absl::StrFormat(
      "%s on %s: kvsift-server %s, backend %s (%s)\n"
      "%d workers x %d sequences of %d positions, %d layers, %d query heads on %d kv heads of "
      "dimension %d, k %d, %s, %s\n\n",
      document.at("scenario").get<std::string>(), server.at("address").get<std::string>(),
      server.at("version").get<std::string>(), server.at("backend").get<std::string>(),
      server.at("backend_description").get<std::string>(),
      config.at("workers").get<int>() * config.at("outstanding").get<int>(),
      config.at("sequences").get<int>(), config.at("context").get<int64_t>(),
      config.at("layers").get<int>(), config.at("query_heads").get<int>(),
      config.at("kv_heads").get<int>(), config.at("head_dim").get<int>(), config.at("k").get<int>(),
      config.at("estimator").get<std::string>(), config.at("grouping").get<std::string>());
}

std::string Latencies(const Json& document) {
  std::string text = absl::StrFormat("%-12s%11s%11s%11s%11s%11s%11s\n", "latency, us", "p50", "p90",
                                     "p99", "p99.9", "max", "mean");
  for (const auto& [name, operation] : document.at("operations").items()) {
    text += LatencyRow(name, operation.at("latency_us"));
  }
  for (const char* floor : {"echo", "socket"}) {
    if (document.contains(floor)) text += LatencyRow(floor, document[floor].at("latency_us"));
  }
  return text;
}

std::string Ratios(const Json& ratio) {
  std::string text;
  if (ratio.contains("p50")) {
    absl::StrAppendFormat(&text, "p50 is %.2f x the echo's, the rate %.2f x\n",
                          ratio["p50"].get<double>(), ratio["rate"].get<double>());
  }
  if (ratio.contains("socket_p50")) {
    absl::StrAppendFormat(&text, "p50 is %.1f x a bare socket's\n",
                          ratio["socket_p50"].get<double>());
  }
  return text;
}

}  // namespace

std::string ReportTable(const Json& document) {
  const double seconds = document.at("duration_s");
  const auto per_s = [seconds](const Json& total) {
    return Short(seconds > 0 ? total.get<double>() / seconds : 0);
  };
  std::string text = absl::StrCat(Heading(document), Latencies(document), "\n");
  absl::StrAppendFormat(&text, "rate        %.1f/s, %d calls in %.1f s\n",
                        document.at("rate_per_s").get<double>(),
                        document.at("requests").get<int64_t>(), seconds);
  absl::StrAppendFormat(&text, "errors      %s\n", Errors(document.at("errors")));
  absl::StrAppendFormat(&text, "work        %s rows/s, %s keys scanned/s\n",
                        per_s(document.at("rows")), per_s(document.at("keys_scanned")));
  absl::StrAppendFormat(&text, "bytes       %sB/s sent, %sB/s received\n",
                        per_s(document.at("bytes").at("sent")),
                        per_s(document.at("bytes").at("received")));
  absl::StrAppendFormat(&text, "verified    %d answers, %d different\n",
                        document.at("verified").get<int64_t>(),
                        document.at("differences").get<int64_t>());
  if (document.contains("pool")) {
    absl::StrAppendFormat(&text, "moved       %d sequences between %d members\n",
                          document["pool"].at("moved_sequences").get<int64_t>(),
                          document["pool"].at("members").size());
  }
  if (document.contains("ratio")) text += Ratios(document["ratio"]);
  if (document.contains("echo")) {
    absl::StrAppendFormat(&text, "the echo's p50 was %.0f us before the run and %.0f us after it\n",
                          document["echo"].at("p50_before_us").get<double>(),
                          document["echo"].at("p50_after_us").get<double>());
  }
  if (document.contains("find_max")) {
    absl::StrAppend(&text, document["find_max"].at("text").get<std::string>(), "\n");
  }
  return text;
}

}  // namespace kvsift::load
