#include "server/engine/level_tally.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "kernels/encode/encode.h"
#include "kernels/format/code_shape.h"

namespace kvsift {
namespace {

// Words of a plane are looked at in pairs; D = 32 has only half of one.
uint64_t LoadPair(const std::byte* words, int bytes) {
  uint64_t pair = 0;
  std::memcpy(&pair, words, bytes);
  return pair;
}

// Adds the levels of one code [planes, plane_bytes] to `counts` [2^planes].
void AddLevels(const std::byte* code, int planes, int plane_bytes, int64_t* counts) {
  const int pair_bytes = std::min(plane_bytes, 8);
  const uint64_t all = pair_bytes == 8 ? ~uint64_t{0} : 0xFFFFFFFF;
  for (int begin = 0; begin < plane_bytes; begin += pair_bytes) {
    std::array<uint64_t, kMaxKeyBits> bits{};
    for (int plane = 0; plane < planes; ++plane) {
      bits[plane] = LoadPair(code + plane * plane_bytes + begin, pair_bytes);
    }
    for (int level = 0; level < KeyLevels(planes); ++level) {
      uint64_t matching = all;
      for (int plane = 0; plane < planes; ++plane) {
        matching &= (level >> plane & 1) != 0 ? bits[plane] : ~bits[plane];
      }
      counts[level] += std::popcount(matching);
    }
  }
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
      counts_(Index(format.shape.layers, 0)) {}

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
  const int plane_bytes = 4 * PlaneWords(shape.head_dim);
  MutexLock lock(mutex_);
  for (int head = 0; head < shape.kv_heads; ++head) {
    AddLevels(&codes[head * code_bytes], shape.key_bits, plane_bytes, &counts_[Index(layer, head)]);
  }
}

std::vector<int64_t> LevelTally::Counts() const {
  MutexLock lock(mutex_);
  return counts_;
}

std::optional<LevelDeviation> LevelTally::LargestOf(int layer) const {
  std::optional<LevelDeviation> largest;
  MutexLock lock(mutex_);
  for (int head = 0; head < format_.shape.kv_heads; ++head) {
    const auto counts = std::span(counts_).subspan(Index(layer, head), levels_);
    const auto deviation = DeviationOf(counts, format_.shape.padded_dim());
    if (!deviation.has_value()) continue;
    if (largest.has_value() && largest->deviation >= *deviation) continue;
    largest = {.layer_id = layer, .kv_head = head, .deviation = *deviation};
  }
  return largest;
}

}  // namespace kvsift
