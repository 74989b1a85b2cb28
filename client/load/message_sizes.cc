#include "client/load/message_sizes.h"

#include <utility>

#include "client/cpp/selection.h"
#include "kvsift/v1/selection.pb.h"

namespace kvsift::load {
namespace {

v1::StepResponse TypicalAnswer(const client::Store& store, int64_t rows, size_t entries,
                               const Policy& policy) {
  v1::StepResponse response;
  const int64_t width = RowCapacity(policy, store.config.Shape());
  v1::Answer& answer = *response.mutable_answer();
  answer.mutable_positions()->resize(rows * width * sizeof(int32_t));
  answer.mutable_counts()->resize(rows * sizeof(int32_t));
  answer.set_width(static_cast<int32_t>(width));
  constexpr int64_t kTypicalLength = 1 << 12;
  for (size_t i = 0; i < entries; ++i) {
    response.add_epochs(1);
    response.add_lengths(kTypicalLength);
  }
  response.set_server_incarnation(1);
  return response;
}

template <typename Request>
absl::StatusOr<MessageSizes> Sizes(const client::Store& store, const Request& request) {
  v1::StreamStepsRequest message;
  message.set_id(1);
  const absl::Status status = client::ToProto(store, request, *message.mutable_step());
  if (!status.ok()) return status;
  v1::StreamStepsResponse answer;
  answer.set_id(1);
  *answer.mutable_step() = TypicalAnswer(store, client::EntryRows(store, request).back(),
                                         request.entries.size(), request.queries.policies.front());
  return MessageSizes{static_cast<int64_t>(message.ByteSizeLong()),
                      static_cast<int64_t>(answer.ByteSizeLong())};
}

}  // namespace

absl::StatusOr<MessageSizes> SizesOf(const client::Store& store,
                                     const client::StepRequest& request) {
  return Sizes(store, request);
}

absl::StatusOr<MessageSizes> SizesOf(const client::Store& store,
                                     const client::SelectRequest& request) {
  return Sizes(store, request);
}

}  // namespace kvsift::load
