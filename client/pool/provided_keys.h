// Appends the keys of a sequence that its caller provides.
#ifndef KVSIFT_CLIENT_POOL_PROVIDED_KEYS_H_
#define KVSIFT_CLIENT_POOL_PROVIDED_KEYS_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "kvsift/pool.h"

namespace kvsift::client {

// Appends positions [0, lengths[l]) of each layer to a server that holds none of the sequence.
// Returns its epoch there. Errors: the provider's; as Client::StreamAppend, an entry's included;
// UNAVAILABLE if the server lost what it had got.
absl::StatusOr<uint64_t> AppendProvided(Client& client, const Store& store, const KeyProvider& keys,
                                        uint64_t sequence_id, const std::vector<int64_t>& lengths,
                                        absl::Time deadline);

// Bytes of one key of all kv heads of one layer, as callers hand it over.
int64_t GivenKeyBytes(const StoreConfig& config, std::optional<ElementType> raw);

}  // namespace kvsift::client

#endif  // KVSIFT_CLIENT_POOL_PROVIDED_KEYS_H_
