// The k best of a stream of values: exact, in one pass, without a sort.
//
// Values arrive in the order of their positions. A candidate is kept with its position while its
// value is above the floor: one less than the k-th best value known so far, because an equal value
// that comes later is more recent and therefore better. When enough candidates have gathered they
// are cut down to the k best, and the floor rises.
//
// Cost: a vector compare for every value, and for each room's worth of admitted candidates about
// log2(range of values) passes over the room, so the whole is linear whatever the values are.
#ifndef KVSIFT_KERNELS_CPU_TOP_K_H_
#define KVSIFT_KERNELS_CPU_TOP_K_H_

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

#include "kernels/cpu/scratch.h"

namespace kvsift {

// T is int16_t, int32_t or int64_t; larger values are better; the least value of the type does not
// occur. Arrays are borrowed.
template <typename T>
struct TopK {
  T* values = nullptr;           // [capacity]
  int32_t* positions = nullptr;  // [capacity], ascending
  int64_t capacity = 0;          // TopKCapacity(k)
  int64_t k = 0;                 // at least 1
  int64_t count = 0;
  // No value at or below is among the k best.
  T floor = std::numeric_limits<T>::min();

  std::span<const T> kept_values() const { return {values, static_cast<size_t>(count)}; }
  std::span<const int32_t> kept() const { return {positions, static_cast<size_t>(count)}; }
};

// Values are taken in pieces of this many; what is written past the end of the candidates stays
// within one vector, 64 bytes.
inline constexpr int64_t kTopKPiece = 512;
inline constexpr int64_t kTopKSlack = 64;

constexpr int64_t TopKCapacity(int64_t k) {
  return k + (k < kTopKPiece ? kTopKPiece : k) + kTopKPiece + kTopKSlack;
}

// An empty list whose arrays are of `scratch`.
template <typename T>
TopK<T> MakeTopK(Scratch& scratch, int64_t k) {
  const int64_t capacity = TopKCapacity(k);
  return {.values = scratch.Array<T>(capacity).data(),
          .positions = scratch.Array<int32_t>(capacity).data(),
          .capacity = capacity,
          .k = k};
}

// Takes the values of positions first, first + 1, ...
// REQUIRES: `first` is beyond every position taken before.
void Consume(TopK<int16_t>& top, std::span<const int16_t> values, int64_t first);
void Consume(TopK<int64_t>& top, std::span<const int64_t> values, int64_t first);

// Takes candidates of ascending positions, beyond every position taken before.
void Consume(TopK<int16_t>& top, std::span<const int16_t> values,
             std::span<const int32_t> positions);
void Consume(TopK<int32_t>& top, std::span<const int32_t> values,
             std::span<const int32_t> positions);
void Consume(TopK<int64_t>& top, std::span<const int64_t> values,
             std::span<const int32_t> positions);

// Leaves the k best, ascending by position, or all if fewer were taken.
void Finish(TopK<int16_t>& top);
void Finish(TopK<int32_t>& top);
void Finish(TopK<int64_t>& top);

}  // namespace kvsift

#endif  // KVSIFT_KERNELS_CPU_TOP_K_H_
