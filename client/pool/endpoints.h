// The addresses behind a pool's target.
#ifndef KVSIFT_CLIENT_POOL_ENDPOINTS_H_
#define KVSIFT_CLIENT_POOL_ENDPOINTS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace kvsift::client {

// Errors: INVALID_ARGUMENT, naming the part, if the target is no list of host:port,
// dns:///host:port and unix:/path.
absl::Status CheckTarget(const std::string& target);

// True if a part of the target is a name, whose addresses may change.
bool HasNames(const std::string& target);

// Addresses of the target, distinct, ascending; names are looked up, which may take seconds.
// Errors: as CheckTarget; UNAVAILABLE if a name cannot be looked up. A name that is known but has
// no address yet gives none.
absl::StatusOr<std::vector<std::string>> ResolveTarget(const std::string& target);

}  // namespace kvsift::client

#endif  // KVSIFT_CLIENT_POOL_ENDPOINTS_H_
