#include "client/load/run_context.h"

#include <algorithm>

namespace kvsift::load {

Remedy RemedyFor(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kFailedPrecondition:
      return Remedy::kRebuild;
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kOutOfRange:
    case absl::StatusCode::kUnimplemented:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kUnauthenticated:
      return Remedy::kHalt;
    default:
      return Remedy::kRetry;
  }
}

int64_t BackoffNs(int failures) {
  constexpr int64_t kFirst = 20'000'000;
  constexpr int64_t kMost = 1'000'000'000;
  constexpr int kDoublings = 6;
  return std::min(kFirst << std::clamp(failures - 1, 0, kDoublings), kMost);
}

}  // namespace kvsift::load
