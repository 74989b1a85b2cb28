// Scores of one key and one query by popcounts, for every layout, bit width and estimator: the
// general path, and the scores that answers carry.
#ifndef KVSIFT_KERNELS_CUDA_PLAIN_SCORE_CUH_
#define KVSIFT_KERNELS_CUDA_PLAIN_SCORE_CUH_

#include "kernels/cuda/code_layout.h"
#include "kernels/cuda/select.h"

namespace kvsift::cuda {

inline constexpr int kMostPlanes = 4;

// Sums over the dimensions; which of them are filled depends on the estimator.
struct PlainSums {
  int distance = 0;  // manhattan
  int product = 0;   // sum q c, q signed for asymmetric_dot
  int query = 0;     // sum q
  int query_squares = 0;
  int key = 0;
  int key_squares = 0;
};

// Bits where the code in `planes` is at least `threshold`.
__device__ __forceinline__ uint32_t AtLeast(const uint32_t* planes, int bits, int threshold) {
  uint32_t result = ~0u;
  for (int i = 0; i < bits; ++i) {
    result = ((threshold >> i) & 1) != 0 ? planes[i] & result : planes[i] | result;
  }
  return result;
}

__device__ __forceinline__ void AddWord(Estimate estimate, const uint32_t* q, const uint32_t* c,
                                        int bits, PlainSums& sums) {
  if (estimate == Estimate::kManhattan) {
    for (int level = 1; level < (1 << bits); ++level) {
      sums.distance += __popc(AtLeast(q, bits, level) ^ AtLeast(c, bits, level));
    }
    return;
  }
  const int query_bits = estimate == Estimate::kAsymmetricDot ? kMostPlanes : bits;
  for (int i = 0; i < query_bits; ++i) {
    const int weight = query_bits == kMostPlanes && i == kMostPlanes - 1 ? -8 : 1 << i;
    sums.query += weight * __popc(q[i]);
    for (int j = 0; j < bits; ++j) sums.product += weight * (1 << j) * __popc(q[i] & c[j]);
    for (int j = 0; j < query_bits; ++j) sums.query_squares += (1 << (i + j)) * __popc(q[i] & q[j]);
  }
  for (int i = 0; i < bits; ++i) {
    sums.key += (1 << i) * __popc(c[i]);
    for (int j = 0; j < bits; ++j) sums.key_squares += (1 << (i + j)) * __popc(c[i] & c[j]);
  }
}

// The estimator's score of key `key` of a tile (kernels/estimate/score.h).
__device__ inline int PlainScore(const CodeLayout& layout, Estimate estimate, const uint8_t* tile,
                                 int key, const uint32_t* query) {
  const uint32_t* stored = reinterpret_cast<const uint32_t*>(tile);
  const int query_bits = estimate == Estimate::kAsymmetricDot ? kMostPlanes : layout.bits;
  PlainSums sums;
  for (int word = 0; word < layout.words; ++word) {
    uint32_t q[kMostPlanes];
    uint32_t c[kMostPlanes];
    for (int i = 0; i < query_bits; ++i) q[i] = query[i * layout.words + word];
    for (int i = 0; i < layout.bits; ++i) c[i] = __ldg(stored + TileWord(layout, key, i, word));
    AddWord(estimate, q, c, layout.bits, sums);
  }
  const int top = (1 << layout.bits) - 1;
  switch (estimate) {
    case Estimate::kManhattan:
      return sums.distance;
    case Estimate::kSquaredEuclidean:
      return sums.query_squares + sums.key_squares - 2 * sums.product;
    case Estimate::kDot:
      return 4 * sums.product - 2 * top * (sums.query + sums.key) + layout.dim * top * top;
    default:
      return 2 * sums.product - top * sums.query;
  }
}

__device__ __forceinline__ bool SmallerIsBetter(Estimate estimate) {
  return estimate == Estimate::kManhattan || estimate == Estimate::kSquaredEuclidean;
}

// The same as the tensor-core scorers, for any layout; slow. Goodness is the score, negated where
// smaller is better.
class PlainScorer {
 public:
  struct Tile {
    const uint8_t* address;
    int slot;
  };

  __device__ void Init(const CodeLayout& layout, Estimate estimate, const SelectColumn* columns,
                       int count) {
    layout_ = &layout;
    estimate_ = estimate;
    for (int i = 0; i < 2; ++i) {
      const int column = (threadIdx.x & 3) * 2 + i;
      codes_[i] = column < count ? columns[column].code : nullptr;
    }
  }

  __device__ static Tile Load(const uint8_t* tile, int slot) { return {tile, slot}; }

  // Bounds of the goodness of every column.
  __device__ __forceinline__ void Bounds(int limit, int& least, int& most) const {
    least = -limit;
    most = limit;
  }

  __device__ void Score(const Tile& tile, int (&goodness)[4]) const {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const uint32_t* code = codes_[i & 1];
      const int key = (tile.slot >> 2) + (i >> 1) * 8;
      const int score =
          code == nullptr ? 0 : PlainScore(*layout_, estimate_, tile.address, key, code);
      goodness[i] = SmallerIsBetter(estimate_) ? -score : score;
    }
  }

 private:
  const CodeLayout* layout_;
  Estimate estimate_;
  const uint32_t* codes_[2];
};

}  // namespace kvsift::cuda

#endif  // KVSIFT_KERNELS_CUDA_PLAIN_SCORE_CUH_
