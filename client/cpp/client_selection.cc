#include <google/protobuf/arena.h>

#include <array>
#include <memory>
#include <utility>

#include "absl/synchronization/notification.h"
#include "client/cpp/client_impl.h"
#include "client/cpp/selection.h"
#include "client/cpp/selection_callback.h"
#include "client/cpp/step_message.h"

namespace kvsift::client {
namespace {

// Odd, with its bits spread: neighbouring sequences go to different connections.
constexpr uint64_t kSpread = 0x9E3779B97F4A7C15;

// All of a step of a few sequences but its vectors.
constexpr size_t kArenaBytes = 2048;

// Waits for what `start` starts with the callback that it is given.
template <typename Start>
absl::StatusOr<SelectionResult> Await(const Start& start) {
  absl::StatusOr<SelectionResult> answer;
  absl::Notification answered;
  SelectionCallback done = [&](absl::StatusOr<SelectionResult> result) {
    answer = std::move(result);
    answered.Notify();
  };
  const absl::Status status = start(done);
  if (!status.ok()) return status;
  answered.WaitForNotification();
  return answer;
}

}  // namespace

StepChannel& Client::Impl::ChannelOf(uint64_t sequence_id) {
  return *step_channels_[((sequence_id * kSpread) >> 32) % step_channels_.size()];
}

template <typename Request>
absl::Status Client::Impl::StartStep(const Store& store, const Request& request,
                                     absl::Time deadline, StepChannel::WhenFull when_full,
                                     SelectionCallback& done) {
  std::array<char, kArenaBytes> block;
  google::protobuf::Arena arena(block.data(), block.size());
  auto& message = *google::protobuf::Arena::CreateMessage<v1::StepRequest>(&arena);
  absl::Status status = ToProto(store, request, message);
  if (!status.ok()) return status;
  absl::StatusOr<grpc::Slice> body = MakeStepBody(message, request.traceparent, message_bytes);
  if (!body.ok()) return body.status();
  auto step = std::make_unique<PendingStep>();
  step->call = calls_.Enter();
  step->body = *std::move(body);
  step->deadline = deadline;
  step->entry_rows = EntryRows(store, request);
  step->done = std::move(done);
  const uint64_t first = request.entries.empty() ? 0 : request.entries[0].sequence_id;
  status = ChannelOf(first).Start(step, when_full);
  if (!status.ok()) done = std::move(step->done);
  return status;
}

absl::StatusOr<SelectionResult> Client::Select(const Store& store, const SelectRequest& request,
                                               absl::Time deadline) {
  return Await([&](SelectionCallback& done) {
    return impl_->StartStep(store, request, deadline, StepChannel::WhenFull::kWait, done);
  });
}

absl::StatusOr<SelectionResult> Client::Step(const Store& store, const StepRequest& request,
                                             absl::Time deadline) {
  return Await([&](SelectionCallback& done) {
    return impl_->StartStep(store, request, deadline, StepChannel::WhenFull::kWait, done);
  });
}

void Client::SelectAsync(const Store& store, const SelectRequest& request, absl::Time deadline,
                         SelectionCallback done) {
  absl::Status status =
      impl_->StartStep(store, request, deadline, StepChannel::WhenFull::kRefuse, done);
  if (!status.ok()) Refuse(std::move(done), std::move(status));
}

void Client::StepAsync(const Store& store, const StepRequest& request, absl::Time deadline,
                       SelectionCallback done) {
  absl::Status status =
      impl_->StartStep(store, request, deadline, StepChannel::WhenFull::kRefuse, done);
  if (!status.ok()) Refuse(std::move(done), std::move(status));
}

std::future<absl::StatusOr<SelectionResult>> Client::SelectAsync(const Store& store,
                                                                 const SelectRequest& request,
                                                                 absl::Time deadline) {
  const Promised promised;
  SelectAsync(store, request, deadline, promised);
  return promised.promise->get_future();
}

std::future<absl::StatusOr<SelectionResult>> Client::StepAsync(const Store& store,
                                                               const StepRequest& request,
                                                               absl::Time deadline) {
  const Promised promised;
  StepAsync(store, request, deadline, promised);
  return promised.promise->get_future();
}

}  // namespace kvsift::client
