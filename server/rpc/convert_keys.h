// The keys of a message.
#ifndef KVSIFT_SERVER_RPC_CONVERT_KEYS_H_
#define KVSIFT_SERVER_RPC_CONVERT_KEYS_H_

#include <cstdint>
#include <string_view>

#include "absl/status/status.h"
#include "google/protobuf/repeated_field.h"
#include "kvsift/v1/selection.pb.h"
#include "server/engine/engine.h"
#include "server/rpc/convert_step.h"

namespace kvsift {

// Fills the entries, layers and keys of `input`. An entry without keys ignores its start where
// `is_step`. Errors: as convert_step.h says.
absl::Status ConvertKeys(const v1::KeyBatch& batch, const StoreDescription& store, bool is_step,
                         StepInput& input);

// Adds `epoch` as each entry's demand; `epochs` is empty or [entries], 2^64 - 1 demands nothing.
absl::Status ConvertExpectedEpochs(std::string_view field,
                                   const google::protobuf::RepeatedField<uint64_t>& epochs,
                                   StepInput& input);

// Errors: NOT_FOUND, naming `field`, if the store has no such layer.
absl::Status CheckLayer(std::string_view field, int32_t layer_id, const StoreDescription& store);

// Errors: INVALID_ARGUMENT if a message has more than kMaxEntries entries, or policies for them.
absl::Status CheckEntryCount(std::string_view field, int64_t entries);

}  // namespace kvsift

#endif  // KVSIFT_SERVER_RPC_CONVERT_KEYS_H_
