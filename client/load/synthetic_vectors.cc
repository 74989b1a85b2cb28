#include "client/load/synthetic_vectors.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <utility>

#include "client/load/random.h"

namespace kvsift::load {
namespace {

constexpr float kKeySize = 2.2f;    // root mean square of a coordinate
constexpr float kQuerySize = 1.8f;  // of queries
constexpr float kNormSpread = 0.08f;
constexpr float kKeyShared = 0.42f;  // share of the energy in the common direction
constexpr float kQueryShared = 0.53f;
constexpr float kQueryRecent = 0.42f;  // share that points where recent keys point

// What keys are beside their common direction: a sum of processes, each of which keeps `memory`
// of itself from one position to the next.
struct Process {
  float share;  // of the energy
  float memory;
};
constexpr Process kProcesses[] = {{.18f, 0}, {.17f, .72f}, {.25f, .975f}, {.40f, .9975f}};
constexpr float kRecentMemory = 0.9f;  // processes that keep more make queries point to keys

uint16_t HalfBits(float value) {
  constexpr float kLargest = 65504;
  constexpr uint32_t kSmallestNormal = 0x38800000;  // 2^-14
  const auto bits = std::bit_cast<uint32_t>(std::clamp(value, -kLargest, kLargest));
  const uint32_t magnitude = bits & 0x7fffffffu;
  const auto sign = static_cast<uint16_t>((bits >> 16) & 0x8000u);
  if (magnitude < kSmallestNormal) return sign;
  const uint32_t rebiased = magnitude - 0x38000000u;
  const uint32_t rounded = rebiased + 0xfffu + ((rebiased >> 13) & 1u);
  return static_cast<uint16_t>(sign | (rounded >> 13));
}

void PutHalf(float value, std::byte* out) {
  const uint16_t half = HalfBits(value);
  std::memcpy(out, &half, sizeof(half));
}

// The keys of one kv head, position by position.
class KeyHead {
 public:
  KeyHead(int head_dim, Random& random) : shared_(head_dim), recent_(head_dim) {
    for (float& value : shared_) value = random.Bell();
    for (auto& state : states_) {
      state.resize(head_dim);
      for (float& value : state) value = random.Bell();
    }
  }

  // Writes the next key.
  void Next(Random& random, std::byte* out) {
    const float norm = kKeySize * (1 + kNormSpread * random.Bell());
    float recent_energy = 0;
    for (size_t i = 0; i < shared_.size(); ++i) {
      float own = 0;
      recent_[i] = 0;
      for (size_t p = 0; p < std::size(kProcesses); ++p) {
        const float memory = kProcesses[p].memory;
        float& state = states_[p][i];
        state = memory * state + std::sqrt(1 - memory * memory) * random.Bell();
        const float part = std::sqrt(kProcesses[p].share) * state;
        own += part;
        if (memory > kRecentMemory) recent_[i] += part;
      }
      recent_energy += recent_[i] * recent_[i];
      PutHalf(norm * (std::sqrt(kKeyShared) * shared_[i] + std::sqrt(1 - kKeyShared) * own),
              out + 2 * i);
    }
    const float size = std::sqrt(recent_energy / static_cast<float>(recent_.size()));
    for (float& value : recent_) value /= size;
  }

  // Where the last keys point, of root mean square 1.
  const std::vector<float>& recent() const { return recent_; }

 private:
  std::vector<float> shared_;
  std::vector<float> recent_;
  std::vector<float> states_[std::size(kProcesses)];
};

void WriteQuery(const std::vector<float>& shared, const std::vector<float>& recent, Random& random,
                std::byte* out) {
  const float norm = kQuerySize * (1 + kNormSpread * random.Bell());
  constexpr float kNoise = 1 - kQueryShared - kQueryRecent;
  for (size_t i = 0; i < shared.size(); ++i) {
    PutHalf(norm * (std::sqrt(kQueryShared) * shared[i] + std::sqrt(kQueryRecent) * recent[i] +
                    std::sqrt(kNoise) * random.Bell()),
            out + 2 * i);
  }
}

}  // namespace

RawLayer SyntheticLayer(const StoreShape& shape, int64_t positions, uint64_t seed) {
  Random random(seed);
  RawLayer layer;
  const int64_t vector_bytes = int64_t{shape.head_dim} * ElementBytes(ElementType::kFloat16);
  layer.keys.resize(positions * shape.kv_heads * vector_bytes);
  layer.queries.resize(positions * shape.query_heads * vector_bytes);
  for (int kv_head = 0; kv_head < shape.kv_heads; ++kv_head) {
    KeyHead keys(shape.head_dim, random);
    const int group = shape.group_size();
    std::vector<std::vector<float>> shared(group, std::vector<float>(shape.head_dim));
    for (auto& direction : shared) {
      for (float& value : direction) value = random.Bell();
    }
    for (int64_t position = 0; position < positions; ++position) {
      const int64_t key = position * shape.kv_heads + kv_head;
      keys.Next(random, layer.keys.data() + key * vector_bytes);
      for (int head = 0; head < group; ++head) {
        const int64_t query = position * shape.query_heads + kv_head * group + head;
        WriteQuery(shared[head], keys.recent(), random,
                   layer.queries.data() + query * vector_bytes);
      }
    }
  }
  return layer;
}

std::vector<std::byte> ToFloat16(ElementType type, std::vector<std::byte> elements) {
  if (type == ElementType::kFloat16) return elements;
  const int64_t count = std::ssize(elements) / ElementBytes(type);
  std::vector<std::byte> halves(count * ElementBytes(ElementType::kFloat16));
  for (int64_t i = 0; i < count; ++i) {
    PutHalf(LoadElement(elements.data() + i * ElementBytes(type), type), halves.data() + 2 * i);
  }
  return halves;
}

}  // namespace kvsift::load
