// One answer from the answers of several members.
#ifndef KVSIFT_CLIENT_POOL_ANSWER_MERGE_H_
#define KVSIFT_CLIENT_POOL_ANSWER_MERGE_H_

#include <cstdint>
#include <vector>

#include "kvsift/select.h"
#include "kvsift/store.h"

namespace kvsift::client {

// What one member answered to some entries of a request.
struct PartAnswer {
  // [the part's entries]: the entry of the request that it is about, or kSuperseded.
  std::vector<int32_t> entries;
  SelectionResult result;

  static constexpr int32_t kSuperseded = -1;  // another part answers it
};

// Puts the answers in the request's order: rows, counts, errors as one server would have answered
// them. `failed` are entries of the request that no part answers: their rows have count 0.
// REQUIRES: IsSliceable(store.config, request); each entry is in one part, or failed.
SelectionResult MergeAnswers(const Store& store, const StepRequest& request,
                             const std::vector<PartAnswer>& parts,
                             const std::vector<EntryError>& failed);

}  // namespace kvsift::client

#endif  // KVSIFT_CLIENT_POOL_ANSWER_MERGE_H_
