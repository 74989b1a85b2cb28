#include "client/pool/provided_keys.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <span>

#include "absl/strings/str_cat.h"

namespace kvsift::client {
namespace {

// Keys that are in memory at once while a sequence moves.
constexpr int64_t kPieceBytes = int64_t{16} << 20;

// Layers that advance together, by index.
struct Piece {
  std::vector<int> layers;
  int64_t start = 0;
  int64_t count = 0;
};

// A server that misses what was appended a moment ago has been started anew meanwhile.
absl::Status Interrupted(const absl::Status& status) {
  if (!absl::IsNotFound(status) && !absl::IsFailedPrecondition(status)) return status;
  return absl::UnavailableError(
      absl::StrCat("the member lost the sequence while it got it: ", status.message()));
}

class Appending {
 public:
  Appending(Client& client, const Store& store, const KeyProvider& keys, uint64_t id,
            absl::Time deadline)
      : client_(client),
        store_(store),
        keys_(keys),
        id_(id),
        deadline_(deadline),
        key_bytes_(GivenKeyBytes(store.config, keys.raw)) {}

  // Positions [start, end) of the layers.
  absl::Status Append(const std::vector<int>& layers, int64_t start, int64_t end) {
    const int64_t most = std::max<int64_t>(1, kPieceBytes / (key_bytes_ * std::ssize(layers)));
    for (; start < end; start += most) {
      const absl::Status status = Send({layers, start, std::min(most, end - start)});
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  }

  uint64_t epoch() const { return epoch_; }

 private:
  absl::Status Send(const Piece& piece) {
    const int64_t layer_bytes = piece.count * key_bytes_;
    buffer_.resize(layer_bytes * piece.layers.size());
    AppendRequest request;
    std::span<std::byte> rest(buffer_);
    for (const int layer : piece.layers) {
      request.layer_ids.push_back(store_.config.layer_ids[layer]);
      const absl::Status status = keys_.read(
          {id_, request.layer_ids.back(), piece.start, piece.count}, rest.first(layer_bytes));
      if (!status.ok()) return status;
      rest = rest.subspan(layer_bytes);
    }
    request.entries = {{id_, piece.start, piece.count, {}}};
    request.keys = {buffer_, keys_.raw};
    request.encode = keys_.encode;
    const auto result = client_.StreamAppend(store_, request, deadline_);
    if (!result.ok()) return Interrupted(result.status());
    if (!result->ok()) return Interrupted(result->errors.front().status);
    epoch_ = result->epochs.front();
    return absl::OkStatus();
  }

  Client& client_;
  const Store& store_;
  const KeyProvider& keys_;
  const uint64_t id_;
  const absl::Time deadline_;
  const int64_t key_bytes_;
  std::vector<std::byte> buffer_;
  uint64_t epoch_ = 0;
};

}  // namespace

int64_t GivenKeyBytes(const StoreConfig& config, std::optional<ElementType> raw) {
  if (!raw.has_value()) return config.Shape().key_bytes_per_position();
  return int64_t{config.kv_heads} * config.head_dim * ElementBytes(*raw);
}

absl::StatusOr<uint64_t> AppendProvided(Client& client, const Store& store, const KeyProvider& keys,
                                        uint64_t sequence_id, const std::vector<int64_t>& lengths,
                                        absl::Time deadline) {
  Appending appending(client, store, keys, sequence_id, deadline);
  std::vector<int> all;
  for (int layer = 0; layer < std::ssize(lengths); ++layer) all.push_back(layer);
  // What all layers have goes together; in the middle of a token some have more.
  const int64_t shared = *std::min_element(lengths.begin(), lengths.end());
  absl::Status status = appending.Append(all, 0, shared);
  for (const int layer : all) {
    if (!status.ok()) return status;
    status = appending.Append({layer}, shared, lengths[layer]);
  }
  if (!status.ok()) return status;
  return appending.epoch();
}

}  // namespace kvsift::client
