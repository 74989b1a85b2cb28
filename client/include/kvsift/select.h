// Selecting positions: what goes in and what comes out.
#ifndef KVSIFT_CLIENT_INCLUDE_KVSIFT_SELECT_H_
#define KVSIFT_CLIENT_INCLUDE_KVSIFT_SELECT_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "kernels/select/policy.h"
#include "kvsift/append.h"
#include "kvsift/error.h"
#include "kvsift/vectors.h"

namespace kvsift::client {

enum class RowLayout : uint8_t {
  kPadded,  // rows of equal width, -1 after the count
  kPacked,  // rows end to end, with offsets, as paged attention kernels take them
};

// Query tokens of a batch of sequences and how to answer them. Owns no vectors: what it points
// to outlives the call, which is the callback's invocation for asynchronous calls' requests only
// until the call was started.
struct QueryBatch {
  // Entries refer to them by index; at least one. Raw queries that are encoded on the client
  // become one kind of code: with them all policies take query scales, or none does.
  std::vector<Policy> policies = {};
  // Queries of all entries end to end: raw [sum of query tokens, query_heads, head_dim] elements,
  // or codes [sum of query tokens, query_heads, planes, D/32] words.
  Vectors vectors = {};
  // Of 4-bit codes [sum of query tokens, query_heads]; empty for raw queries and other codes.
  std::span<const float> scales = {};
  // Positions each query token sees [sum of query tokens]; or empty: its sequence's last tokens.
  std::span<const int64_t> visible_lengths = {};
  EncodeOn encode = EncodeOn::kClient;
  RowLayout layout = RowLayout::kPadded;
  bool want_scores = false;  // Grouping::kHead only
};

struct SelectEntry {
  uint64_t sequence_id = 0;
  int64_t query_tokens = 1;
  int32_t policy = 0;  // index into QueryBatch::policies
  std::optional<uint64_t> expected_epoch = {};
};

struct SelectRequest {
  int32_t layer_id = 0;
  std::vector<SelectEntry> entries = {};  // a sequence may appear more than once
  QueryBatch queries = {};
  // W3C trace context, as a traceparent header, for the server's log; empty: none.
  std::string traceparent = {};
};

// One sequence's part of a decode step: new keys, query tokens, or both.
struct StepEntry {
  uint64_t sequence_id = 0;
  int64_t start = 0;      // position of the first new key
  int64_t key_count = 1;  // 0: only selects
  int64_t query_tokens = 1;
  int32_t policy = 0;
  std::optional<uint64_t> expected_epoch = {};
};

struct StepRequest {
  int32_t layer_id = 0;
  std::vector<StepEntry> entries = {};
  Vectors keys = {};  // as AppendRequest::keys, for the one layer
  EncodeOn encode_keys = EncodeOn::kClient;
  ConflictRule on_conflict = ConflictRule::kFail;
  QueryBatch queries = {};
  std::string traceparent = {};  // as SelectRequest::traceparent
};

// Lists of positions. One row is one (entry, query token, head or kv head or layer), in that
// order. A failed entry keeps its rows, with count 0.
struct SelectionResult {
  int32_t width = 0;                    // kPadded: positions per row; kPacked: 0
  std::vector<int32_t> counts = {};     // [rows]
  std::vector<int32_t> positions = {};  // kPadded: [rows, width]; kPacked: [sum of counts]
  std::vector<int32_t> offsets = {};    // kPacked: [rows + 1]
  std::vector<int32_t> scores = {};     // shaped like positions; empty unless asked for
  std::vector<int64_t> entry_rows =
      {};  // [entries + 1]: entry e has rows entry_rows[e] .. [e + 1] - 1
  std::vector<uint64_t> epochs = {};    // [entries]; 0 if the sequence does not exist
  std::vector<int64_t> lengths = {};    // [entries], of the layer
  std::vector<EntryError> errors = {};  // entries that failed, ascending by entry
  uint64_t server_incarnation = 0;

  bool ok() const { return errors.empty(); }
  int64_t rows() const { return std::ssize(counts); }

  // The selected positions of a row, ascending, without padding. REQUIRES: 0 <= row < rows().
  std::span<const int32_t> Row(int64_t row) const;

  // Their scores. REQUIRES: scores were asked for.
  std::span<const int32_t> RowScores(int64_t row) const;
};

}  // namespace kvsift::client

#endif  // KVSIFT_CLIENT_INCLUDE_KVSIFT_SELECT_H_
