// What the service tells of its calls, for metrics.
#ifndef KVSIFT_SERVER_RPC_CALL_OBSERVER_H_
#define KVSIFT_SERVER_RPC_CALL_OBSERVER_H_

#include <chrono>
#include <cstdint>

#include "absl/status/status.h"

namespace kvsift {

// The calls of SelectionService, in the order of the proto file. A step of a held stream counts as
// one call of kStreamSteps.
enum class Method : uint8_t {
  kCreateStore,
  kGetStore,
  kListStores,
  kDeleteStore,
  kCalibrate,
  kAppendKeys,
  kStreamAppendKeys,
  kSelect,
  kStep,
  kStreamSteps,
  kGetSequence,
  kListSequences,
  kTruncateSequence,
  kForkSequence,
  kReleaseSequence,
  kGetServer,
};
inline constexpr int kMethods = static_cast<int>(Method::kGetServer) + 1;

// Thread-safe. Called often: must be quick and must not call the engine.
class CallObserver {
 public:
  virtual ~CallObserver() = default;

  // A call is over. `total` is from its arrival to the moment when gRPC had taken the answer;
  // `reply` is the part of it after the engine was done.
  virtual void OnCall(Method method, absl::StatusCode code, std::chrono::nanoseconds total,
                      std::chrono::nanoseconds reply) = 0;

  // An entry of an answered message failed.
  virtual void OnEntryError(absl::StatusCode code) = 0;

  // A held stream (kStreamAppendKeys or kStreamSteps) has begun or ended.
  virtual void OnStreams(int change) = 0;
};

}  // namespace kvsift

#endif  // KVSIFT_SERVER_RPC_CALL_OBSERVER_H_
