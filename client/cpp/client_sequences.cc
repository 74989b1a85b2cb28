#include <utility>

#include "client/cpp/client_impl.h"
#include "client/cpp/convert.h"

namespace kvsift::client {

absl::StatusOr<Sequence> Client::GetSequence(const std::string& store, uint64_t id,
                                             absl::Time deadline) {
  v1::GetSequenceRequest request;
  request.set_store(store);
  request.set_sequence_id(id);
  v1::GetSequenceResponse response;
  const auto outcome = impl_->Send(&Stub::GetSequence, request, response, deadline);
  if (!outcome.status.ok()) return outcome.status;
  return FromProto(response.sequence());
}

absl::StatusOr<std::vector<Sequence>> Client::ListSequences(const std::string& store,
                                                            absl::Time deadline) {
  std::vector<Sequence> sequences;
  v1::ListSequencesRequest request;
  request.set_store(store);
  do {
    v1::ListSequencesResponse response;
    const auto outcome = impl_->Send(&Stub::ListSequences, request, response, deadline);
    if (!outcome.status.ok()) return outcome.status;
    for (const v1::Sequence& sequence : response.sequences()) {
      sequences.push_back(FromProto(sequence));
    }
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  return sequences;
}

absl::StatusOr<Sequence> Client::Truncate(const std::string& store, uint64_t id, int64_t length,
                                          std::optional<uint64_t> expected_epoch,
                                          absl::Time deadline) {
  v1::TruncateSequenceRequest request;
  request.set_store(store);
  request.set_sequence_id(id);
  request.set_length(length);
  if (expected_epoch) request.set_expected_epoch(*expected_epoch);
  v1::TruncateSequenceResponse response;
  const auto outcome = impl_->Send(&Stub::TruncateSequence, request, response, deadline);
  if (!outcome.status.ok()) return outcome.status;
  return FromProto(response.sequence());
}

absl::StatusOr<Sequence> Client::Fork(const std::string& store, uint64_t parent, uint64_t child,
                                      int64_t length, std::optional<uint64_t> expected_epoch,
                                      absl::Time deadline) {
  v1::ForkSequenceRequest request;
  request.set_store(store);
  request.set_parent_id(parent);
  request.set_child_id(child);
  request.set_length(length);
  if (expected_epoch) request.set_expected_epoch(*expected_epoch);
  v1::ForkSequenceResponse response;
  const auto outcome = impl_->Send(&Stub::ForkSequence, request, response, deadline);
  if (!outcome.status.ok()) return outcome.status;
  return FromProto(response.sequence());
}

absl::Status Client::Release(const std::string& store, uint64_t id,
                             std::optional<uint64_t> expected_epoch, absl::Time deadline) {
  v1::ReleaseSequenceRequest request;
  request.set_store(store);
  request.set_sequence_id(id);
  if (expected_epoch) request.set_expected_epoch(*expected_epoch);
  v1::ReleaseSequenceResponse response;
  return DoneIfGone(impl_->Send(&Stub::ReleaseSequence, request, response, deadline));
}

}  // namespace kvsift::client
