#include "server/engine/queue_limit.h"

#include "absl/strings/str_cat.h"

namespace kvsift {

QueueUse QueueLimit::Count::Add(int64_t more_bytes) {
  return {.requests = requests.fetch_add(1, std::memory_order_relaxed),
          .bytes = bytes.fetch_add(more_bytes, std::memory_order_relaxed)};
}

void QueueLimit::Count::Remove(int64_t fewer_bytes) {
  bytes.fetch_sub(fewer_bytes, std::memory_order_relaxed);
  requests.fetch_sub(1, std::memory_order_relaxed);
}

absl::Status QueueLimit::Enter(uint64_t client, int64_t bytes) {
  const QueueUse all = all_.Add(bytes);
  const QueueUse own = LaneOf(client).Add(bytes);
  const int64_t free_requests = max_requests_ - all.requests;
  const int64_t free_bytes = max_bytes_ - all.bytes - bytes;
  const bool has_room = free_requests > 0 && free_bytes >= 0;
  const bool has_share = own.requests <= kShare * free_requests && own.bytes <= kShare * free_bytes;
  if (all.requests == 0 || (has_room && has_share)) return absl::OkStatus();
  Leave(client, bytes);
  return absl::UnavailableError(absl::StrCat("queue: full with ", all.requests, " requests of ",
                                             all.bytes, " bytes, at most ", max_requests_, " and ",
                                             max_bytes_, " with the ", bytes,
                                             " of this one, or for this client's ", own.requests,
                                             " of ", own.bytes, " bytes; retry with backoff"));
}

void QueueLimit::Leave(uint64_t client, int64_t bytes) {
  LaneOf(client).Remove(bytes);
  all_.Remove(bytes);
}

}  // namespace kvsift
