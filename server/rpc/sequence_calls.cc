#include "server/rpc/sequence_calls.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/engine/field_error.h"
#include "server/rpc/convert_fields.h"
#include "server/rpc/convert_store.h"

namespace kvsift {
namespace {

template <typename Message>
std::optional<uint64_t> ExpectedEpoch(const Message& message) {
  if (!message.has_expected_epoch()) return std::nullopt;
  return message.expected_epoch();
}

absl::Status CheckLength(int64_t length) {
  return length >= 0 ? absl::OkStatus() : InvalidField("length", length, "at least 0");
}

absl::Status UnknownSequence(std::string_view field, uint64_t id) {
  return FieldError(absl::StatusCode::kNotFound, field, std::to_string(id),
                    "the id of a sequence of the store");
}

// The sequence `id` of `store` as a mutation left it.
SequenceInfo InfoOf(const StoreDescription& store, uint64_t id, const MutationResult& result) {
  SequenceInfo info{.id = id, .epoch = result.epoch, .lengths = result.lengths, .pages = 0};
  for (const int64_t length : info.lengths) {
    info.pages = std::max(info.pages, (length + store.page_positions - 1) / store.page_positions);
  }
  return info;
}

// A failed mutation's status with the field that it is about. The engine knows sequences, not the
// fields that named them.
template <typename Request>
absl::Status WithField(const Request& request, const MutationResult& result) {
  const absl::StatusCode code = result.status.code();
  if (code == absl::StatusCode::kAborted) {
    return FieldError(code, "expected_epoch", std::to_string(request.expected_epoch()),
                      absl::StrCat("the current epoch ", result.epoch));
  }
  if (FieldViolationOf(result.status).has_value()) return result.status;
  if constexpr (std::is_same_v<Request, v1::ForkSequenceRequest>) {
    if (code == absl::StatusCode::kNotFound) {
      return UnknownSequence("parent_id", request.parent_id());
    }
    if (code == absl::StatusCode::kAlreadyExists) {
      return FieldError(code, "child_id", std::to_string(request.child_id()),
                        absl::StrCat("a new id, or the unchanged fork of ", request.parent_id(),
                                     " at ", request.length()));
    }
  } else if (code == absl::StatusCode::kNotFound) {
    return UnknownSequence("sequence_id", request.sequence_id());
  }
  return result.status;
}

// What a truncation or fork tells once it is done.
template <typename Call>
std::function<void(MutationResult)> Answer(const Engine& engine, Call& call,
                                           std::shared_ptr<const StoreDescription> store,
                                           uint64_t id) {
  return [&engine, &call, store = std::move(store), id](const MutationResult& result) {
    if (result.status.ok()) {
      FillSequence(InfoOf(*store, id, result), store->config.layer_ids,
                   *call.response().mutable_sequence());
      call.response().set_server_incarnation(engine.incarnation());
    }
    call.Complete(WithField(call.request(), result));
  };
}

}  // namespace

void RunGetSequence(Engine& engine,
                    UnaryCall<v1::GetSequenceRequest, v1::GetSequenceResponse>& call) {
  const auto store = engine.DescribeStore(call.request().store());
  if (!store.ok()) return call.Complete(store.status());
  const auto sequence = engine.GetSequence(call.request().store(), call.request().sequence_id());
  if (!sequence.ok()) {
    return call.Complete(UnknownSequence("sequence_id", call.request().sequence_id()));
  }
  FillSequence(*sequence, (*store)->config.layer_ids, *call.response().mutable_sequence());
  call.response().set_server_incarnation(engine.incarnation());
  call.Complete(absl::OkStatus());
}

void RunListSequences(Engine& engine,
                      UnaryCall<v1::ListSequencesRequest, v1::ListSequencesResponse>& call) {
  const auto size = ConvertPageSize(call.request().page_size());
  if (!size.ok()) return call.Complete(size.status());
  const auto after = ConvertSequencePageToken(call.request().page_token());
  if (!after.ok()) return call.Complete(after.status());
  const auto store = engine.DescribeStore(call.request().store());
  if (!store.ok()) return call.Complete(store.status());
  // One more than asked tells whether there is another page.
  const auto listed = engine.ListSequences(call.request().store(), *after, *size + 1);
  if (!listed.ok()) return call.Complete(listed.status());
  const int64_t shown = std::min<int64_t>(std::ssize(*listed), *size);
  for (int64_t i = 0; i < shown; ++i) {
    FillSequence((*listed)[i], (*store)->config.layer_ids, *call.response().add_sequences());
  }
  if (shown < std::ssize(*listed)) {
    call.response().set_next_page_token(SequencePageToken((*listed)[shown - 1].id));
  }
  call.response().set_server_incarnation(engine.incarnation());
  call.Complete(absl::OkStatus());
}

void RunTruncate(Engine& engine,
                 UnaryCall<v1::TruncateSequenceRequest, v1::TruncateSequenceResponse>& call) {
  const v1::TruncateSequenceRequest& request = call.request();
  absl::Status valid = CheckLength(request.length());
  if (!valid.ok()) return call.Complete(valid);
  auto store = engine.DescribeStore(request.store());
  if (!store.ok()) return call.Complete(store.status());
  engine.Truncate(request.store(), request.sequence_id(), ExpectedEpoch(request), request.length(),
                  Answer(engine, call, *std::move(store), request.sequence_id()));
}

void RunFork(Engine& engine, UnaryCall<v1::ForkSequenceRequest, v1::ForkSequenceResponse>& call) {
  const v1::ForkSequenceRequest& request = call.request();
  absl::Status valid = CheckLength(request.length());
  if (!valid.ok()) return call.Complete(valid);
  auto store = engine.DescribeStore(request.store());
  if (!store.ok()) return call.Complete(store.status());
  engine.Fork(request.store(), request.parent_id(), request.child_id(), ExpectedEpoch(request),
              request.length(), Answer(engine, call, *std::move(store), request.child_id()));
}

void RunRelease(Engine& engine,
                UnaryCall<v1::ReleaseSequenceRequest, v1::ReleaseSequenceResponse>& call) {
  const v1::ReleaseSequenceRequest& request = call.request();
  engine.Release(request.store(), request.sequence_id(), ExpectedEpoch(request),
                 [&engine, &call](const MutationResult& result) {
                   call.response().set_server_incarnation(engine.incarnation());
                   call.Complete(WithField(call.request(), result));
                 });
}

}  // namespace kvsift
