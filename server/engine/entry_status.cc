#include "server/engine/entry_status.h"

#include "absl/strings/str_cat.h"
#include "server/engine/field_error.h"

namespace kvsift {

absl::Status CheckEpoch(std::optional<uint64_t> expected, const Sequence* sequence) {
  const uint64_t current = EpochOf(sequence);
  if (!expected.has_value() || *expected == current) return absl::OkStatus();
  return absl::AbortedError(absl::StrCat("expected_epoch: ", *expected, ", current ", current));
}

absl::Status UnknownStore(std::string_view name) {
  return FieldError(absl::StatusCode::kNotFound, "store", name, "the name of a store");
}

absl::Status UnknownSequence(uint64_t id) {
  return absl::NotFoundError(absl::StrCat("sequence_id: ", id, ", no such sequence"));
}

absl::Status Gap(int64_t start, int64_t length, int32_t layer_id) {
  return absl::FailedPreconditionError(absl::StrCat("start: ", start, ", expected at most ", length,
                                                    ", the length of layer ", layer_id));
}

absl::Status Conflict(int64_t position, int32_t layer_id) {
  return absl::FailedPreconditionError(absl::StrCat("keys: position ", position, " of layer ",
                                                    layer_id, " differs from the stored key"));
}

absl::Status TooLong(int64_t end, int64_t max_length) {
  return absl::InvalidArgumentError(
      absl::StrCat("start + count: ", end, ", expected at most ", max_length));
}

absl::Status NegativeLength(int64_t length) {
  return absl::InvalidArgumentError(absl::StrCat("length: ", length, ", expected 0 or more"));
}

absl::Status CheckVisible(int64_t token, int64_t visible, int64_t length) {
  if (visible < 0) {
    return absl::InvalidArgumentError(absl::StrCat("visible_lengths: ", visible, " of query token ",
                                                   token, ", expected 0 or more"));
  }
  if (visible > length) {
    return absl::OutOfRangeError(absl::StrCat("visible_lengths: ", visible, " of query token ",
                                              token, ", expected at most ", length,
                                              ", the layer's length"));
  }
  return absl::OkStatus();
}

absl::Status LostTable(uint64_t id) {
  return absl::UnavailableError(
      absl::StrCat("sequence_id: ", id, ", a change of it was lost by the device; append again"));
}

}  // namespace kvsift
