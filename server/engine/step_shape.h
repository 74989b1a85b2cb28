// What a step request as a whole must satisfy, and the sizes that follow.
#ifndef KVSIFT_SERVER_ENGINE_STEP_SHAPE_H_
#define KVSIFT_SERVER_ENGINE_STEP_SHAPE_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "server/engine/answer.h"
#include "server/engine/engine.h"
#include "server/engine/store.h"

namespace kvsift {

struct StepShape {
  std::vector<int> layers;  // indices in the store of the request's layer ids
  int64_t key_total = 0;    // new keys of all entries, per layer
  int64_t key_bytes = 0;    // of one position of one layer, as it comes
  int64_t token_total = 0;  // query tokens of all entries
  int64_t query_bytes = 0;  // of one query token, as it comes
  AnswerShape answer;       // no rows if there are no query tokens
};

// Resolves a request against its store.
// Errors, all of the whole request and with a FieldError whose field is the path in the wire's
// StepRequest: NOT_FOUND (layer), FAILED_PRECONDITION (fingerprint; raw keys without key scales),
// INVALID_ARGUMENT (counts, sizes, a sequence twice with keys, answer too large).
absl::StatusOr<StepShape> ResolveStep(const StepRequest& request, const Store& store,
                                      const EngineLimits& limits);

}  // namespace kvsift

#endif  // KVSIFT_SERVER_ENGINE_STEP_SHAPE_H_
