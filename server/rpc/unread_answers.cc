#include "server/rpc/unread_answers.h"

#include <vector>

namespace kvsift {
namespace {

constexpr char kReason[] = "answers: not read while too many wait to be read; retry with backoff";

}  // namespace

void UnreadAnswers::Add(Holder& holder, int64_t bytes) {
  std::vector<grpc_call*> ended;
  {
    absl::MutexLock lock(&mutex_);
    ++holder.answers_;
    holder.bytes_ += bytes;
    if (holder.is_ended_) return;
    Count(holder, bytes);
    if (holder.answers_ == 1) Link(holder);
    while (IsTooMuch()) {
      Holder& worst = Worst();
      Unlink(worst);
      worst.is_ended_ = true;
      Count(worst, -worst.bytes_);
      grpc_call_ref(worst.call_);
      ended.push_back(worst.call_);
    }
  }
  for (grpc_call* call : ended) {
    grpc_call_cancel_with_status(call, GRPC_STATUS_UNAVAILABLE, kReason, nullptr);
    grpc_call_unref(call);
  }
}

void UnreadAnswers::Remove(Holder& holder, int64_t bytes) {
  absl::MutexLock lock(&mutex_);
  --holder.answers_;
  holder.bytes_ -= bytes;
  if (holder.is_ended_) return;
  Count(holder, -bytes);
  Unlink(holder);
  if (holder.answers_ > 0) Link(holder);
}

bool UnreadAnswers::IsTooMuch() const {
  return bytes_ > max_bytes_ && (first_ != last_ || first_->answers_ > 1);
}

UnreadAnswers::Holder& UnreadAnswers::Worst() const {
  Holder* worst = first_;
  int64_t most = 0;
  for (Holder* holder = first_; holder != nullptr; holder = holder->after_) {
    const int64_t bytes = clients_.at(holder->client_);
    if (bytes <= most) continue;
    most = bytes;
    worst = holder;
  }
  return *worst;
}

void UnreadAnswers::Count(const Holder& holder, int64_t bytes) {
  bytes_ += bytes;
  const auto client = clients_.try_emplace(holder.client_, 0).first;
  client->second += bytes;
  if (client->second == 0) clients_.erase(client);
}

void UnreadAnswers::Link(Holder& holder) {
  holder.before_ = last_;
  holder.after_ = nullptr;
  (last_ == nullptr ? first_ : last_->after_) = &holder;
  last_ = &holder;
}

void UnreadAnswers::Unlink(Holder& holder) {
  (holder.before_ == nullptr ? first_ : holder.before_->after_) = holder.after_;
  (holder.after_ == nullptr ? last_ : holder.after_->before_) = holder.before_;
}

}  // namespace kvsift
