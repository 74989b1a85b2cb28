// Loops over the tiles of a unit.
#ifndef KVSIFT_KERNELS_CUDA_UNIT_SCAN_CUH_
#define KVSIFT_KERNELS_CUDA_UNIT_SCAN_CUH_

#include "kernels/cuda/code_layout.h"
#include "kernels/cuda/plain_score.cuh"
#include "kernels/cuda/select_search.cuh"

namespace kvsift::cuda {

// The position and column that value `i` of a lane belongs to.
__device__ __forceinline__ int LanePosition(int tile, int i) {
  return tile * kTileKeys + ((threadIdx.x & 31) >> 2) + (i >> 1) * 8;
}
__device__ __forceinline__ int LaneColumn(int i) { return (threadIdx.x & 3) * 2 + (i & 1); }

// Where the tiles of a unit lie.
struct UnitTiles {
  const SelectLaunch& launch;
  const uint64_t* table;
  int64_t head_offset;

  __device__ __forceinline__ const uint8_t* Address(int tile) const {
    return TileAddress(launch.layout, launch.pages, table, head_offset,
                       static_cast<uint32_t>(tile));
  }
};

__device__ __forceinline__ bool HasRuns(const CodeLayout& layout) {
  return layout.tiles_per_page % kRunTiles == 0;
}

// Tiles that a warp scores run by run while the next run is on its way to registers.
template <class Scorer>
class TileStream {
 public:
  // Takes the runs of tiles [begin, end) in turn with the other warps of the block.
  // REQUIRES: both are multiples of kRunTiles, and HasRuns.
  __device__ TileStream(const UnitTiles& tiles, int begin, int end)
      : tiles_(tiles),
        tile_(begin + static_cast<int>(threadIdx.x >> 5) * kRunTiles),
        left_(max(0, (end - tile_ + Step() - 1) / Step())) {}

  // Asks for the first run. Every lane of the warp calls it.
  __device__ __forceinline__ void Start() {
    FindAddresses(0);
    const uint8_t* run = NextAddress();
#pragma unroll
    for (int i = 0; i < kRunTiles; ++i) {
      if (left_ > 0) loaded_[i] = Load(run, i);
    }
  }

  // Calls visit(tile, goodness[4]) for every tile, after Start. The tiles of a run are scored
  // together, so that their instructions hide each other's latency.
  template <class Visit>
  __device__ __forceinline__ void Run(const Scorer& scorer, Visit visit) {
    for (; left_ > 0; --left_) {
      if (next_ == 32) FindAddresses(1);
      const uint8_t* run = NextAddress();
      int goodness[kRunTiles][4];
#pragma unroll
      for (int i = 0; i < kRunTiles; ++i) scorer.Score(loaded_[i], goodness[i]);
#pragma unroll
      for (int i = 0; i < kRunTiles; ++i) {
        if (left_ > 1) loaded_[i] = Load(run, i);
      }
#pragma unroll
      for (int i = 0; i < kRunTiles; ++i) visit(tile_ + i, goodness[i]);
      __syncwarp();  // matrix instructions want the whole warp
      tile_ += Step();
    }
  }

 private:
  __device__ __forceinline__ static int Step() { return BlockWarps() * kRunTiles; }

  __device__ __forceinline__ static typename Scorer::Tile Load(const uint8_t* run, int tile) {
    return Scorer::Load(run + tile * Scorer::kTileBytes, static_cast<int>(threadIdx.x & 31));
  }

  // Addresses take a look at the page table: lane l finds the l-th of the 32 runs that follow the
  // next `ahead`.
  __device__ __forceinline__ void FindAddresses(int ahead) {
    const int lane = static_cast<int>(threadIdx.x & 31);
    addresses_ = 0;
    if (ahead + lane < left_) {
      addresses_ = reinterpret_cast<uint64_t>(tiles_.Address(tile_ + (ahead + lane) * Step()));
    }
    next_ = 0;
  }

  // Where the run begins that is to be asked for next.
  __device__ __forceinline__ const uint8_t* NextAddress() {
    return reinterpret_cast<const uint8_t*>(__shfl_sync(~0u, addresses_, next_++));
  }

  const UnitTiles& tiles_;
  int tile_;  // of the run to be scored next
  int left_;  // runs, this one included
  uint64_t addresses_ = 0;
  int next_ = 0;  // lane that has the address of the run to be asked for next
  typename Scorer::Tile loaded_[kRunTiles] = {};
};

// Calls visit(tile, goodness[4]) for tiles [begin, end), spread over the warps of the block.
template <class Scorer, class Visit>
__device__ __forceinline__ void ForTiles(const UnitTiles& tiles, const Scorer& scorer, int begin,
                                         int end, Visit visit) {
  for (int tile = begin + (threadIdx.x >> 5); tile < end; tile += BlockWarps()) {
    int goodness[4];
    scorer.Score(Scorer::Load(tiles.Address(tile), threadIdx.x & 31), goodness);
    visit(tile, goodness);
    __syncwarp();
  }
}

// The general scorer reads tiles where they lie.
template <>
class TileStream<PlainScorer> {
 public:
  __device__ TileStream(const UnitTiles& tiles, int begin, int end)
      : tiles_(tiles), begin_(begin), end_(end) {}
  __device__ void Start() {}
  template <class Visit>
  __device__ void Run(const PlainScorer& scorer, Visit visit) {
    ForTiles(tiles_, scorer, begin_, end_, visit);
  }

 private:
  const UnitTiles& tiles_;
  const int begin_;
  const int end_;
};

// Two keys of every `stride`-th of tiles [begin, end), the offset among `stride` tiles and the keys
// varying, so that neighbours, which are alike, do not meet in the sample. It is the same for every
// block that asks.
template <class Scorer>
class Sample {
 public:
  __device__ Sample(const UnitTiles& tiles, int begin, int end, int stride)
      : tiles_(tiles), begin_(begin), stride_(stride), count_((end - begin) / stride) {}

  // Asks for the first part. Every lane of the warp calls it.
  __device__ __forceinline__ void Start() {
    if (count_ > 0) Load(FirstGroup());
  }

  // Calls visit(goodness[4]) for every key, after Start; the warps of the block share them.
  template <class Visit>
  __device__ __forceinline__ void Run(const Scorer& scorer, Visit visit) {
    const int groups = (count_ + 7) / 8;
    for (int first = FirstGroup(); first < groups; first += BlockWarps() * kTogether) {
      if (first != FirstGroup()) Load(first);
#pragma unroll
      for (int i = 0; i < kTogether; ++i) {
        const int group = first + i * BlockWarps();
        if (group >= groups) break;
        int goodness[4];
        scorer.Score(loaded_[i], goodness);
        if (group * 8 + Row() < count_) visit(goodness);
        __syncwarp();
      }
    }
  }

 private:
  static constexpr int kTogether = 4;  // groups of 8 tiles, whose loads are in flight at once

  __device__ static int FirstGroup() { return static_cast<int>(threadIdx.x >> 5); }
  __device__ static int Row() { return static_cast<int>(threadIdx.x & 31) >> 2; }

  __device__ __forceinline__ void Load(int first) {
#pragma unroll
    for (int i = 0; i < kTogether; ++i) {
      const int index = min((first + i * BlockWarps()) * 8 + Row(), count_ - 1);
      const uint32_t jitter = (static_cast<uint32_t>(index) * 2654435761u) >> 16;
      const int tile = begin_ + index * stride_ + static_cast<int>(jitter % stride_);
      const int slot = static_cast<int>((jitter >> 8) & 7) * 4 + (threadIdx.x & 3);
      loaded_[i] = Scorer::Load(tiles_.Address(tile), slot);
    }
  }

  const UnitTiles& tiles_;
  const int begin_;
  const int stride_;
  const int count_;
  typename Scorer::Tile loaded_[kTogether];
};

}  // namespace kvsift::cuda

#endif  // KVSIFT_KERNELS_CUDA_UNIT_SCAN_CUH_
