// Numbers that a seed decides, the same on every machine and standard library.
#ifndef KVSIFT_CLIENT_LOAD_RANDOM_H_
#define KVSIFT_CLIENT_LOAD_RANDOM_H_

#include <cstdint>

namespace kvsift::load {

// Mixes 64 bits: every bit of the result depends on every bit of `value` (splitmix64).
constexpr uint64_t Mix(uint64_t value) {
  value += 0x9e3779b97f4a7c15u;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9u;
  value = (value ^ (value >> 27)) * 0x94d049bb133111ebu;
  return value ^ (value >> 31);
}

// The same of several numbers, whose order matters.
template <typename... More>
constexpr uint64_t Mix(uint64_t first, uint64_t second, More... more) {
  return Mix(Mix(first) ^ second, static_cast<uint64_t>(more)...);
}

// A sequence of numbers. Thread-compatible.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(Mix(seed)) {}

  uint64_t Next() { return Mix(state_++); }

  // 0 <= result < limit. REQUIRES: limit >= 1.
  int64_t Below(int64_t limit) {
    return static_cast<int64_t>(Next() % static_cast<uint64_t>(limit));
  }

  // 0 <= result < 1.
  double Unit() { return static_cast<double>(Next() >> 11) * 0x1p-53; }

  // Near a normal distribution of mean 0 and variance 1: the sum of four 16-bit numbers, whose
  // kurtosis is 2.7. A sum of several of these is nearer still.
  float Bell() {
    const uint64_t bits = Next();
    const auto sum = static_cast<float>((bits & 0xffff) + ((bits >> 16) & 0xffff) +
                                        ((bits >> 32) & 0xffff) + (bits >> 48));
    constexpr float kMean = 2 * 65535.0f;
    constexpr float kDeviation = 37837.2f;  // 65536 / sqrt(3)
    return (sum - kMean) / kDeviation;
  }

 private:
  uint64_t state_;
};

}  // namespace kvsift::load

#endif  // KVSIFT_CLIENT_LOAD_RANDOM_H_
