// Stores, sequences and lists of them: messages to plain types and back.
#ifndef KVSIFT_SERVER_RPC_CONVERT_STORE_H_
#define KVSIFT_SERVER_RPC_CONVERT_STORE_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "kvsift/v1/sequence.pb.h"
#include "kvsift/v1/store.pb.h"
#include "server/engine/engine.h"

namespace kvsift {

// The same values, whatever they are: Engine::CreateStore checks them.
StoreConfig ConvertStoreConfig(const v1::StoreConfig& config);

void FillStore(const StoreInfo& info, v1::Store& store);

// `lengths` [layer_ids].
void FillSequence(const SequenceInfo& info, std::span<const int32_t> layer_ids,
                  v1::Sequence& sequence);

// Page tokens. A list of stores continues after a name, one of sequences after an id; both are
// tagged, so that a token of another list is refused. An empty token starts at the beginning.
std::string StorePageToken(std::string_view last_name);
std::string SequencePageToken(uint64_t last_id);

// Errors: INVALID_ARGUMENT for a token that the function above did not make.
absl::StatusOr<std::string> ConvertStorePageToken(std::string_view token);
absl::StatusOr<std::optional<uint64_t>> ConvertSequencePageToken(std::string_view token);

}  // namespace kvsift

#endif  // KVSIFT_SERVER_RPC_CONVERT_STORE_H_
