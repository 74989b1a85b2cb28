// Errors of single entries and lifecycle calls: field, value and limit in words.
#ifndef KVSIFT_SERVER_ENGINE_ENTRY_STATUS_H_
#define KVSIFT_SERVER_ENGINE_ENTRY_STATUS_H_

#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/status/status.h"
#include "server/engine/sequence.h"

namespace kvsift {

// The epoch of a sequence, or 0 if there is none (null).
inline uint64_t EpochOf(const Sequence* sequence) {
  return sequence == nullptr ? 0 : sequence->epoch;
}

// ABORTED unless the sequence has the expected epoch; without an expectation always OK.
absl::Status CheckEpoch(std::optional<uint64_t> expected, const Sequence* sequence);

absl::Status UnknownStore(std::string_view name);                   // NOT_FOUND
absl::Status UnknownSequence(uint64_t id);                          // NOT_FOUND
absl::Status Gap(int64_t start, int64_t length, int32_t layer_id);  // FAILED_PRECONDITION
absl::Status Conflict(int64_t position, int32_t layer_id);          // FAILED_PRECONDITION
absl::Status TooLong(int64_t end, int64_t max_length);              // INVALID_ARGUMENT
absl::Status NegativeLength(int64_t length);                        // INVALID_ARGUMENT
// INVALID_ARGUMENT if negative, OUT_OF_RANGE if more than the layer's length, else OK.
absl::Status CheckVisible(int64_t token, int64_t visible, int64_t length);
// The sequence's pages are unknown to the device since a batch failed: UNAVAILABLE.
absl::Status LostTable(uint64_t id);

}  // namespace kvsift

#endif  // KVSIFT_SERVER_ENGINE_ENTRY_STATUS_H_
