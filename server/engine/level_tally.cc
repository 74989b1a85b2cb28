#include "server/engine/level_tally.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "kernels/encode/encode.h"
#include "kernels/format/code_shape.h"

namespace kvsift {
namespace {

using LevelCounts = std::array<int64_t, KeyLevels(kMaxKeyBits)>;

// Levels of one code [planes, words].
LevelCounts CountLevels(const std::byte* code, int planes, int words) {
  LevelCounts counts{};
  for (int word = 0; word < words; ++word) {
    std::array<uint32_t, kMaxKeyBits> bits{};
    for (int plane = 0; plane < planes; ++plane) {
      std::memcpy(&bits[plane], code + 4 * (plane * words + word), 4);
    }
    for (int level = 0; level < KeyLevels(planes); ++level) {
      uint32_t matching = ~uint32_t{0};
      for (int plane = 0; plane < planes; ++plane) {
        matching &= (level >> plane & 1) != 0 ? bits[plane] : ~bits[plane];
      }
      counts[level] += std::popcount(matching);
    }
  }
  return counts;
}

// The first sampled position at or after `start`.
int64_t FirstSampled(int64_t start) {
  constexpr int64_t kStride = LevelTally::kStride;
  return start + (LevelTally::kOffset + kStride - start % kStride) % kStride;
}

}  // namespace

LevelTally::LevelTally(const StoreFormat& format)
    : format_(format),
      levels_(KeyLevels(format.shape.key_bits)),
      counts_(std::make_unique<std::atomic<int64_t>[]>(Index(format.shape.layers, 0))) {}

int64_t LevelTally::Index(int layer, int kv_head) const {
  return (int64_t{layer} * format_.shape.kv_heads + kv_head) * levels_;
}

bool LevelTally::Count(int layer, int64_t start, int64_t count, const VectorData& keys) {
  const int64_t first = FirstSampled(start);
  const int64_t end = start + count;
  if (first >= end) return false;
  const int64_t sampled = (end - first + kStride - 1) / kStride;
  const int64_t step = (sampled + kMostAtOnce - 1) / kMostAtOnce * kStride;
  const int64_t key_bytes = std::ssize(keys.bytes) / count;
  std::vector<std::byte> encoded;
  if (keys.raw.has_value()) encoded.resize(format_.shape.key_bytes_per_position());
  for (int64_t position = first; position < end; position += step) {
    const auto key = keys.bytes.subspan((position - start) * key_bytes, key_bytes);
    if (keys.raw.has_value()) EncodeKeys(format_, layer, *keys.raw, key, encoded);
    CountCodes(layer, keys.raw.has_value() ? std::span<const std::byte>(encoded) : key);
  }
  return true;
}

void LevelTally::CountCodes(int layer, std::span<const std::byte> codes) {
  const StoreShape& shape = format_.shape;
  const int64_t code_bytes = CodeBytes(shape.head_dim, shape.key_bits);
  for (int head = 0; head < shape.kv_heads; ++head) {
    const LevelCounts counts =
        CountLevels(&codes[head * code_bytes], shape.key_bits, PlaneWords(shape.head_dim));
    for (int level = 0; level < levels_; ++level) {
      counts_[Index(layer, head) + level].fetch_add(counts[level], std::memory_order_relaxed);
    }
  }
}

std::vector<int64_t> LevelTally::Counts() const {
  std::vector<int64_t> counts(Index(format_.shape.layers, 0));
  for (size_t i = 0; i < counts.size(); ++i) counts[i] = counts_[i].load(std::memory_order_relaxed);
  return counts;
}

std::optional<LevelDeviation> LevelTally::LargestOf(int layer) const {
  std::optional<LevelDeviation> largest;
  for (int head = 0; head < format_.shape.kv_heads; ++head) {
    LevelCounts counts{};
    for (int level = 0; level < levels_; ++level) {
      counts[level] = counts_[Index(layer, head) + level].load(std::memory_order_relaxed);
    }
    const auto deviation =
        DeviationOf(std::span(counts).first(levels_), format_.shape.padded_dim());
    if (!deviation.has_value()) continue;
    if (largest.has_value() && largest->deviation >= *deviation) continue;
    largest = {.layer_id = layer, .kv_head = head, .deviation = *deviation};
  }
  return largest;
}

}  // namespace kvsift
