#include "client/load/message_sizes.h"

#include "client/cpp/selection.h"
#include "kvsift/v1/selection.pb.h"

namespace kvsift::load {
namespace {

template <typename Response, typename Request>
Response TypicalAnswer(const client::Store& store, const Request& request) {
  Response response;
  const int64_t rows = client::EntryRows(store, request).back();
  const Policy& policy = request.queries.policies.front();
  const int64_t width = RowCapacity(policy, store.config.Shape());
  response.mutable_answer()->mutable_positions()->resize(rows * width * sizeof(int32_t));
  response.mutable_answer()->mutable_counts()->resize(rows * sizeof(int32_t));
  response.mutable_answer()->set_width(static_cast<int32_t>(width));
  for (const auto& entry : request.entries) {
    response.add_epochs(1);
    response.add_lengths(entry.query_tokens << 12);
  }
  response.set_server_incarnation(1);
  return response;
}

}  // namespace

absl::StatusOr<MessageSizes> SizesOf(const client::Store& store,
                                     const client::StepRequest& request) {
  absl::StatusOr<v1::StepRequest> step = client::ToProto(store, request);
  if (!step.ok()) return step.status();
  v1::StreamStepsRequest message;
  message.set_id(1);
  *message.mutable_step() = *std::move(step);
  v1::StreamStepsResponse answer;
  answer.set_id(1);
  *answer.mutable_step() = TypicalAnswer<v1::StepResponse>(store, request);
  return MessageSizes{static_cast<int64_t>(message.ByteSizeLong()),
                      static_cast<int64_t>(answer.ByteSizeLong())};
}

absl::StatusOr<MessageSizes> SizesOf(const client::Store& store,
                                     const client::SelectRequest& request) {
  const absl::StatusOr<v1::SelectRequest> message = client::ToProto(store, request);
  if (!message.ok()) return message.status();
  return MessageSizes{
      static_cast<int64_t>(message->ByteSizeLong()),
      static_cast<int64_t>(TypicalAnswer<v1::SelectResponse>(store, request).ByteSizeLong())};
}

}  // namespace kvsift::load
