// One append of a pool.
#ifndef KVSIFT_CLIENT_POOL_APPEND_RUN_H_
#define KVSIFT_CLIENT_POOL_APPEND_RUN_H_

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/pool/placements.h"
#include "kvsift/append.h"

namespace kvsift::client {

using AppendMethod = absl::StatusOr<AppendResult> (Client::*)(const Store&, const AppendRequest&,
                                                              absl::Time);

// Appends each entry at its member, again where it has to be, several members at once.
// REQUIRES: IsSliceable(request), distinct sequences, layers of the store.
absl::StatusOr<AppendResult> RunPoolAppend(Placements& placements, const StorePtr& store,
                                           AppendMethod method, const AppendRequest& request,
                                           absl::Time deadline);

}  // namespace kvsift::client

#endif  // KVSIFT_CLIENT_POOL_APPEND_RUN_H_
