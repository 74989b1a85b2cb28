// Rules of store configurations.
#ifndef KVSIFT_SERVER_ENGINE_STORE_CONFIG_H_
#define KVSIFT_SERVER_ENGINE_STORE_CONFIG_H_

#include <cstdint>
#include <string_view>

#include "absl/status/status.h"
#include "server/engine/engine.h"

namespace kvsift {

inline constexpr int kMaxStoreNameBytes = 128;
inline constexpr int kMaxLayers = 1024;
inline constexpr int kMaxLayerId = 65535;
inline constexpr int kMaxKvHeads = 256;
inline constexpr int kMaxQueryHeads = 1024;

// True for 1 to kMaxStoreNameBytes of [A-Za-z0-9._/-].
bool IsStoreName(std::string_view name);

// Checks every field against the limits that the proto file states.
// Errors: INVALID_ARGUMENT as a FieldError whose field is the path in CreateStoreRequest.
absl::Status ValidateStoreConfig(const StoreConfig& config, int32_t devices);

// XXH3 (64 bits) of everything that decides codes: layer ids, kv heads, head_dim, key bits and key
// scales, as little-endian 32-bit words. Two stores of equal fingerprint give equal codes.
uint64_t Fingerprint(const StoreConfig& config);

}  // namespace kvsift

#endif  // KVSIFT_SERVER_ENGINE_STORE_CONFIG_H_
