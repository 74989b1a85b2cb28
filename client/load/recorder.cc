#include "client/load/recorder.h"

#include <algorithm>
#include <utility>

namespace kvsift::load {
namespace {

constexpr std::string_view kNames[kOperations] = {"step", "select",   "append",
                                                  "fork", "truncate", "release"};

}  // namespace

std::string_view OperationName(Operation operation) { return kNames[static_cast<int>(operation)]; }

bool IsMain(Scenario scenario, Operation operation) {
  switch (scenario) {
    case Scenario::kDecode:
    case Scenario::kMixed:
      return operation == Operation::kStep;
    case Scenario::kPrefill:
      return operation == Operation::kAppend;
    case Scenario::kSelectOnly:
      return operation == Operation::kSelect;
    case Scenario::kChurn:
      return true;
  }
  return false;
}

Work& Work::operator+=(const Work& other) {
  rows += other.rows;
  keys_scanned += other.keys_scanned;
  keys_appended += other.keys_appended;
  sent_bytes += other.sent_bytes;
  received_bytes += other.received_bytes;
  return *this;
}

void Recorder::Done(Operation operation, int64_t intended, int64_t finished, const Work& work) {
  if (!Counts(intended)) return;
  const int64_t latency = finished - intended;
  absl::MutexLock lock(&mutex_);
  result_.operations[static_cast<int>(operation)].latency.Record(latency);
  result_.work += work;
  if (!IsMain(scenario_, operation)) return;
  ++result_.requests;
  result_.last_finish = std::max(result_.last_finish, finished);
  result_.latency.Record(latency);
  interval_.latency.Record(latency);
}

void Recorder::Failed(Operation operation, absl::StatusCode code, int64_t when) {
  if (!Counts(when)) return;
  absl::MutexLock lock(&mutex_);
  const std::string name = absl::StatusCodeToString(code);
  ++result_.errors[name];
  ++result_.operations[static_cast<int>(operation)].errors[name];
  ++interval_.errors;
}

void Recorder::NotSent(Operation operation, int64_t intended, int64_t when) {
  if (!Counts(intended)) return;
  absl::MutexLock lock(&mutex_);
  Tally& tally = result_.operations[static_cast<int>(operation)];
  for (ErrorCounts* errors : {&result_.errors, &tally.errors}) ++(*errors)["NOT_SENT"];
  tally.latency.Record(when - intended);
  if (IsMain(scenario_, operation)) result_.latency.Record(when - intended);
}

Interval Recorder::TakeInterval() {
  absl::MutexLock lock(&mutex_);
  return std::exchange(interval_, Interval());
}

Recorder::Result Recorder::Take() {
  absl::MutexLock lock(&mutex_);
  return std::move(result_);
}

}  // namespace kvsift::load
