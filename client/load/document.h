// The report of a run as JSON.
#ifndef KVSIFT_CLIENT_LOAD_DOCUMENT_H_
#define KVSIFT_CLIENT_LOAD_DOCUMENT_H_

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "client/load/floors.h"
#include "client/load/plan.h"
#include "client/load/trial.h"
#include "kvsift/pool.h"
#include "nlohmann/json.hpp"

namespace kvsift::load {

using Json = nlohmann::ordered_json;

// Everything that a report is made of.
struct RunReport {
  std::vector<std::string> command;
  absl::Time started;
  Plan plan;
  Trial trial;
  Floors floors;
  int64_t verified = 0;
  int64_t differences = 0;
  client::ServerInfo server;
  std::vector<client::MemberInfo> members = {};
  client::PoolCounts pool = {};
};

// {"p50": ..., "p90": ..., "p99": ..., "p999": ..., "max": ..., "mean": ...} in microseconds.
Json LatencyJson(const LatencyHistogram& latency);

Json ReportDocument(const RunReport& report);

}  // namespace kvsift::load

#endif  // KVSIFT_CLIENT_LOAD_DOCUMENT_H_
