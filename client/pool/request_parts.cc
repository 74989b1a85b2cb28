#include "client/pool/request_parts.h"

#include <algorithm>
#include <optional>

#include "client/cpp/sizes.h"
#include "client/pool/provided_keys.h"

namespace kvsift::client {
namespace {

// First item of each entry in what lies end to end [entries + 1].
template <typename Entry>
std::vector<int64_t> Firsts(const std::vector<Entry>& entries, int64_t Entry::*count) {
  std::vector<int64_t> firsts = {0};
  for (const Entry& entry : entries) firsts.push_back(firsts.back() + entry.*count);
  return firsts;
}

// Items of all entries; nothing if a count is out of range.
template <typename Entry>
std::optional<int64_t> Total(const std::vector<Entry>& entries, int64_t Entry::*count) {
  int64_t total = 0;
  for (const Entry& entry : entries) {
    if (!AddTokens("", 0, entry.*count, total).ok()) return std::nullopt;
  }
  return total;
}

// Copies the items of some entries. `list` [items, width].
template <typename Item>
std::vector<Item> Gather(std::span<const Item> list, int64_t width,
                         const std::vector<int64_t>& firsts, std::span<const int32_t> entries) {
  std::vector<Item> gathered;
  if (list.empty()) return gathered;
  for (const int32_t entry : entries) {
    const auto part =
        list.subspan(firsts[entry] * width, (firsts[entry + 1] - firsts[entry]) * width);
    gathered.insert(gathered.end(), part.begin(), part.end());
  }
  return gathered;
}

bool IsSized(uint64_t size, int64_t expected, bool may_be_absent) {
  return size == static_cast<uint64_t>(expected) || (may_be_absent && size == 0);
}

// How many bytes a code has depends on the policy: those of all tokens are alike, at least.
bool HasQueries(const StoreConfig& config, const Vectors& vectors, int64_t tokens) {
  if (vectors.raw.has_value()) {
    const int64_t token_bytes =
        int64_t{config.query_heads} * config.head_dim * ElementBytes(*vectors.raw);
    return IsSized(vectors.bytes.size(), tokens * token_bytes, false);
  }
  return tokens == 0 ? vectors.bytes.empty() : std::ssize(vectors.bytes) % tokens == 0;
}

void Bind(StepPart& part) {
  part.request.keys.bytes = part.keys;
  part.request.queries.vectors.bytes = part.queries;
  part.request.queries.scales = part.scales;
  part.request.queries.visible_lengths = part.visible_lengths;
}

// All but entries and vectors.
StepRequest Frame(const StepRequest& request) {
  StepRequest frame;
  frame.layer_id = request.layer_id;
  frame.keys.raw = request.keys.raw;
  frame.encode_keys = request.encode_keys;
  frame.on_conflict = request.on_conflict;
  frame.queries.policies = request.queries.policies;
  frame.queries.vectors.raw = request.queries.vectors.raw;
  frame.queries.encode = request.queries.encode;
  frame.queries.layout = request.queries.layout;
  frame.queries.want_scores = request.queries.want_scores;
  return frame;
}

}  // namespace

StepRequest ToStep(const SelectRequest& request) {
  StepRequest step;
  step.layer_id = request.layer_id;
  for (const SelectEntry& entry : request.entries) {
    step.entries.push_back({.sequence_id = entry.sequence_id,
                            .key_count = 0,
                            .query_tokens = entry.query_tokens,
                            .policy = entry.policy,
                            .expected_epoch = entry.expected_epoch});
  }
  step.queries = request.queries;
  return step;
}

bool IsSliceable(const StoreConfig& config, const StepRequest& request) {
  const std::optional<int64_t> keys = Total(request.entries, &StepEntry::key_count);
  const std::optional<int64_t> tokens = Total(request.entries, &StepEntry::query_tokens);
  if (!keys || !tokens) return false;
  for (const StepEntry& entry : request.entries) {
    const bool has_policy =
        entry.policy >= 0 && entry.policy < std::ssize(request.queries.policies);
    if (entry.query_tokens > 0 && !has_policy) return false;
  }
  const Vectors& vectors = request.queries.vectors;
  return IsSized(request.keys.bytes.size(), *keys * GivenKeyBytes(config, request.keys.raw),
                 false) &&
         HasQueries(config, vectors, *tokens) &&
         IsSized(request.queries.scales.size(), *tokens * config.query_heads, true) &&
         IsSized(request.queries.visible_lengths.size(), *tokens, true);
}

bool IsSliceable(const StoreConfig& config, const AppendRequest& request) {
  const std::optional<int64_t> keys = Total(request.entries, &AppendEntry::count);
  return keys &&
         IsSized(request.keys.bytes.size(),
                 *keys * std::ssize(request.layer_ids) * GivenKeyBytes(config, request.keys.raw),
                 false);
}

StepPart PartOf(const StoreConfig& config, const StepRequest& request,
                std::span<const int32_t> entries) {
  const std::vector<int64_t> keys = Firsts(request.entries, &StepEntry::key_count);
  const std::vector<int64_t> queries = Firsts(request.entries, &StepEntry::query_tokens);
  const std::span<const std::byte> vectors = request.queries.vectors.bytes;
  const int64_t token_bytes = queries.back() == 0 ? 0 : std::ssize(vectors) / queries.back();
  StepPart part;
  part.request = Frame(request);
  for (const int32_t entry : entries) part.request.entries.push_back(request.entries[entry]);
  part.keys = Gather(request.keys.bytes, GivenKeyBytes(config, request.keys.raw), keys, entries);
  part.queries = Gather(vectors, token_bytes, queries, entries);
  part.scales = Gather(request.queries.scales, config.query_heads, queries, entries);
  part.visible_lengths = Gather(request.queries.visible_lengths, 1, queries, entries);
  Bind(part);
  return part;
}

AppendPart PartOf(const StoreConfig& config, const AppendRequest& request,
                  std::span<const int32_t> entries) {
  const std::vector<int64_t> firsts = Firsts(request.entries, &AppendEntry::count);
  const int64_t key_bytes = GivenKeyBytes(config, request.keys.raw);
  const int64_t layer_bytes = firsts.back() * key_bytes;
  AppendPart part;
  part.request.layer_ids = request.layer_ids;
  part.request.encode = request.encode;
  part.request.on_conflict = request.on_conflict;
  for (const int32_t entry : entries) part.request.entries.push_back(request.entries[entry]);
  for (int64_t layer = 0; layer < std::ssize(request.layer_ids); ++layer) {
    const auto keys = Gather(request.keys.bytes.subspan(layer * layer_bytes, layer_bytes),
                             key_bytes, firsts, entries);
    part.keys.insert(part.keys.end(), keys.begin(), keys.end());
  }
  part.request.keys = {part.keys, request.keys.raw};
  return part;
}

StepPart CopyOf(const StepRequest& request) {
  StepPart part;
  part.request = Frame(request);
  part.request.entries = request.entries;
  part.keys.assign(request.keys.bytes.begin(), request.keys.bytes.end());
  part.queries.assign(request.queries.vectors.bytes.begin(), request.queries.vectors.bytes.end());
  part.scales.assign(request.queries.scales.begin(), request.queries.scales.end());
  part.visible_lengths.assign(request.queries.visible_lengths.begin(),
                              request.queries.visible_lengths.end());
  Bind(part);
  return part;
}

}  // namespace kvsift::client
