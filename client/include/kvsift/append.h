// Appending keys: what goes in and what comes out.
#ifndef KVSIFT_CLIENT_INCLUDE_KVSIFT_APPEND_H_
#define KVSIFT_CLIENT_INCLUDE_KVSIFT_APPEND_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "kvsift/error.h"
#include "kvsift/vectors.h"

namespace kvsift::client {

// What happens where new keys differ from stored ones.
enum class ConflictRule : uint8_t {
  kFail,         // the entry fails with FAILED_PRECONDITION
  kReplaceTail,  // the layer is cut at the first difference and the new keys follow
};

// One sequence's new keys.
struct AppendEntry {
  uint64_t sequence_id = 0;
  int64_t start = 0;  // position of the first new key; an overlap with equal keys is accepted
  int64_t count = 0;  // new keys per layer
  std::optional<uint64_t> expected_epoch = {};  // 0: the sequence must not exist yet
};

struct AppendRequest {
  std::vector<int32_t> layer_ids = {};    // distinct; every entry brings keys for all of them
  std::vector<AppendEntry> entries = {};  // distinct sequences
  // Keys of all entries, end to end, layer by layer: raw
  // [layer_ids, sum of counts, kv_heads, head_dim] elements, or codes
  // [layer_ids, sum of counts, kv_heads, key_bits, D/32] words. Outlives the call.
  Vectors keys = {};
  EncodeOn encode = EncodeOn::kClient;  // kServer where the store has no key scales is an error
  ConflictRule on_conflict = ConflictRule::kFail;
};

// What became of the entries.
struct AppendResult {
  std::vector<uint64_t> epochs = {};    // [entries]; 0 if the sequence does not exist
  std::vector<int64_t> lengths = {};    // [entries], of the request's first layer
  std::vector<EntryError> errors = {};  // entries that failed, ascending by entry
  uint64_t server_incarnation = 0;

  bool ok() const { return errors.empty(); }
};

}  // namespace kvsift::client

#endif  // KVSIFT_CLIENT_INCLUDE_KVSIFT_APPEND_H_
