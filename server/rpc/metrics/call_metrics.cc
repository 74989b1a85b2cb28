#include "server/rpc/metrics/call_metrics.h"

#include <string>

#include "server/rpc/method_name.h"
#include "server/rpc/metrics/families.h"

namespace kvsift {
namespace {

// The data path; for others, nobody would look at a distribution.
constexpr std::array kTimedMethods = {Method::kAppendKeys, Method::kSelect, Method::kStep,
                                      Method::kStreamSteps};

std::string CodeName(size_t index) {
  return absl::StatusCodeToString(static_cast<absl::StatusCode>(index));
}

}  // namespace

CallMetrics::CallMetrics(prometheus::Registry& registry)
    : open_streams_(AddGauges(registry, "kvsift_open_streams",
                              "Held streams (StreamAppendKeys, StreamSteps) that are open.")
                        .Add({})) {
  AddRequests(registry);
  AddDurations(registry);
  AddEntryErrors(registry);
}

// Every pair is there from the start: a rate is the difference to an earlier value, so the first
// call of a series that appears with it would be missed.
void CallMetrics::AddRequests(prometheus::Registry& registry) {
  auto& requests = AddCounters(registry, "kvsift_requests_total",
                               "Calls that are over, by status code; a step of a held stream is "
                               "one call of StreamSteps.");
  for (size_t method = 0; method < requests_.size(); ++method) {
    for (size_t code = 0; code < kCodes; ++code) {
      requests_[method][code] = &requests.Add(
          {{"method", MethodName(static_cast<Method>(method))}, {"code", CodeName(code)}});
    }
  }
}

void CallMetrics::AddDurations(prometheus::Registry& registry) {
  auto& durations = AddHistograms(registry, "kvsift_request_duration_seconds",
                                  "From a call's arrival until gRPC had taken its answer, calls "
                                  "that failed included.");
  for (const Method method : kTimedMethods) {
    const auto index = static_cast<size_t>(method);
    durations_[index] = &durations.Add({{"method", MethodName(method)}}, LatencyBuckets());
  }
}

void CallMetrics::AddEntryErrors(prometheus::Registry& registry) {
  auto& errors = AddCounters(registry, "kvsift_entry_errors_total",
                             "Entries of answered messages that failed, by reason.");
  for (size_t code = 1; code < kCodes; ++code) {
    entry_errors_[code] = &errors.Add({{"code", CodeName(code)}});
  }
}

size_t CallMetrics::CodeIndex(absl::StatusCode code) {
  const auto index = static_cast<size_t>(code);
  return index < kCodes ? index : static_cast<size_t>(absl::StatusCode::kUnknown);
}

void CallMetrics::Count(Method method, absl::StatusCode code, std::chrono::nanoseconds total) {
  const auto index = static_cast<size_t>(method);
  requests_[index][CodeIndex(code)]->Increment();
  if (durations_[index] != nullptr) ObserveSeconds(*durations_[index], total);
}

void CallMetrics::CountEntryError(absl::StatusCode code) {
  prometheus::Counter* counter = entry_errors_[CodeIndex(code)];
  if (counter != nullptr) counter->Increment();
}

}  // namespace kvsift
