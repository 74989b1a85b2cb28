// Appends, selections and steps: untrusted messages to a StepRequest of the engine.
//
// What is wrong with a message as a whole (sizes, counts, policies, layers, kinds of vectors)
// refuses it. A bad value inside an entry (raw element, query code, scale) is left in that entry's
// StepEntry::invalid, and its neighbours are served.
#ifndef KVSIFT_SERVER_RPC_CONVERT_STEP_H_
#define KVSIFT_SERVER_RPC_CONVERT_STEP_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "kvsift/v1/selection.pb.h"
#include "server/engine/engine.h"

namespace kvsift {

// Most entries of one message; with it every list of entry errors fits beside the largest answer.
inline constexpr int32_t kMaxEntries = 16384;

// A request with the arrays that it views and the message does not hold as they are needed.
struct StepInput {
  StepInput() = default;
  StepInput(const StepInput&) = delete;
  StepInput& operator=(const StepInput&) = delete;

  // Makes it ready for another message; its arrays keep their memory.
  void Reset() {
    layer_ids.clear();
    entries.clear();
    policies.clear();
    query_tokens = 0;
    request = {};
  }

  std::vector<int32_t> layer_ids;
  std::vector<StepEntry> entries;
  std::vector<Policy> policies;
  int64_t query_tokens = 0;  // of all entries
  StepRequest request;       // views the three above and the message
};

// Each fills `input`, new or reset, which views `message` and `store` from then on; `store` is the
// one it names. Errors: INVALID_ARGUMENT, NOT_FOUND (a layer), FAILED_PRECONDITION (another
// fingerprint, or raw keys for a store without key scales), each with a FieldViolation.
absl::Status ConvertAppend(const v1::AppendKeysRequest& message, const StoreDescription& store,
                           StepInput& input);
absl::Status ConvertStreamAppend(const v1::StreamAppendKeysRequest& message,
                                 const StoreDescription& store, StepInput& input);
absl::Status ConvertSelect(const v1::SelectRequest& message, const StoreDescription& store,
                           int32_t max_k, StepInput& input);
absl::Status ConvertStep(const v1::StepRequest& message, const StoreDescription& store,
                         int32_t max_k, StepInput& input);

}  // namespace kvsift

#endif  // KVSIFT_SERVER_RPC_CONVERT_STEP_H_
