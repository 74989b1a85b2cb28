// From marks to places: bitmaps over keys say which positions a column takes, and give every taken
// position its place in the ascending list without sorting.
#ifndef KVSIFT_KERNELS_CUDA_SELECT_MARKS_CUH_
#define KVSIFT_KERNELS_CUDA_SELECT_MARKS_CUH_

#include "kernels/cuda/select_search.cuh"

namespace kvsift::cuda {

struct MarkCounts {
  int better;  // keys above the threshold
  int tied;    // keys at the threshold
};

// A column's bitmaps over some keys. After PlaceMarks, `taken` marks what is taken and `places[w]`
// is the place of the first taken key of word w.
struct Marks {
  uint32_t* taken;
  uint32_t* places;  // before: marks of tied keys
  int words;

  __device__ __forceinline__ void Set(uint32_t* bitmap, int key) const {
    atomicOr(&bitmap[key >> 5], 1u << (key & 31));
  }
  __device__ __forceinline__ bool Taken(int key) const {
    return ((taken[key >> 5] >> (key & 31)) & 1) != 0;
  }
  // REQUIRES: Taken(key).
  __device__ __forceinline__ int Place(int key) const {
    return static_cast<int>(places[key >> 5]) + __popc(taken[key >> 5] & ((1u << (key & 31)) - 1));
  }
};

// The words that a lane handles, an odd number, so that lanes read different banks; and how many
// marks they hold.
struct LaneMarks {
  int begin;
  int end;
  int better;
  int tied;
};

// One warp counts marks.
__device__ inline LaneMarks CountMarks(const Marks& marks, MarkCounts& counts) {
  const int lane = threadIdx.x & 31;
  const int share = ((marks.words + 31) / 32) | 1;
  LaneMarks own{min(lane * share, marks.words), min((lane + 1) * share, marks.words), 0, 0};
  for (int word = own.begin; word < own.end; ++word) {
    own.better += __popc(marks.taken[word]);
    own.tied += __popc(marks.places[word]);
  }
  const int better = __reduce_add_sync(~0u, own.better);
  const int tied = __reduce_add_sync(~0u, own.tied);
  if (lane == 0) {
    counts.better = better;
    counts.tied = tied;
  }
  return own;
}

// `word` without its `count` lowest set bits.
__device__ __forceinline__ uint32_t DropLowest(uint32_t word, int count) {
  for (; count > 0 && word != 0; --count) word &= word - 1;
  return word;
}

// One warp joins tied keys to the better ones, except the `drop` oldest, gives places from `place`
// on, and calls visit(word, its taken keys, place of the first of them) for every word.
template <class Visit>
__device__ __forceinline__ void ForTakenWords(const Marks& marks, const LaneMarks& own, int drop,
                                              int place, Visit visit) {
  const int tied_up_to = static_cast<int>(InclusiveScan(static_cast<uint32_t>(own.tied)));
  int own_drop = max(0, min(own.tied, drop - (tied_up_to - own.tied)));
  const int count = own.better + own.tied - own_drop;
  place += static_cast<int>(InclusiveScan(static_cast<uint32_t>(count))) - count;
  for (int word = own.begin; word < own.end; ++word) {
    const uint32_t tied = marks.places[word];
    const int ties = __popc(tied);
    const uint32_t taken = marks.taken[word] | (ties > own_drop ? DropLowest(tied, own_drop) : 0);
    own_drop = max(0, own_drop - ties);
    visit(word, taken, place);
    place += __popc(taken);
  }
}

__device__ inline void PlaceMarks(const Marks& marks, const LaneMarks& own, int drop, int place) {
  ForTakenWords(marks, own, drop, place, [&](int word, uint32_t taken, int first_place) {
    marks.taken[word] = taken;
    marks.places[word] = static_cast<uint32_t>(first_place);
  });
}

}  // namespace kvsift::cuda

#endif  // KVSIFT_KERNELS_CUDA_SELECT_MARKS_CUH_
