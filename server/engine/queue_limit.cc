#include "server/engine/queue_limit.h"

#include "absl/strings/str_cat.h"

namespace kvsift {

absl::Status QueueLimit::Enter(int64_t bytes) {
  const int64_t before = requests_.fetch_add(1, std::memory_order_relaxed);
  const int64_t bytes_before = bytes_.fetch_add(bytes, std::memory_order_relaxed);
  if (before == 0 || (before < max_requests_ && bytes_before + bytes <= max_bytes_)) {
    return absl::OkStatus();
  }
  Leave(bytes);
  return absl::UnavailableError(absl::StrCat(
      "queue: full with ", before, " requests of ", bytes_before, " bytes, at most ", max_requests_,
      " and ", max_bytes_, " with the ", bytes, " of this one; retry with backoff"));
}

void QueueLimit::Leave(int64_t bytes) {
  bytes_.fetch_sub(bytes, std::memory_order_relaxed);
  requests_.fetch_sub(1, std::memory_order_relaxed);
}

}  // namespace kvsift
