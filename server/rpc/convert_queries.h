// The query tokens and policies of a message.
#ifndef KVSIFT_SERVER_RPC_CONVERT_QUERIES_H_
#define KVSIFT_SERVER_RPC_CONVERT_QUERIES_H_

#include <cstdint>

#include "absl/status/status.h"
#include "kvsift/v1/selection.pb.h"
#include "server/rpc/convert_step.h"

namespace kvsift {

// Adds query tokens to the entries of `input`, and queries and policies to its request.
// Errors: as convert_step.h says. REQUIRES: input.entries are set.
absl::Status ConvertQueries(const v1::QueryBatch& batch, const StoreShape& shape, int32_t max_k,
                            StepInput& input);

}  // namespace kvsift

#endif  // KVSIFT_SERVER_RPC_CONVERT_QUERIES_H_
