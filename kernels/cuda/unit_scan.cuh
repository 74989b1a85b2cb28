// The keys that one block handles of a unit, and loops over them.
#ifndef KVSIFT_KERNELS_CUDA_UNIT_SCAN_CUH_
#define KVSIFT_KERNELS_CUDA_UNIT_SCAN_CUH_

#include "kernels/cuda/code_layout.h"
#include "kernels/cuda/select_search.cuh"

namespace kvsift::cuda {

// Tiles [first, end) belong to the block; in [inner_first, inner_end) every key is ranked by every
// ranking column, so nothing has to be checked there.
struct BlockTiles {
  int first;
  int end;
  int inner_first;
  int inner_end;
};

// The position and column that value `i` of a lane belongs to.
__device__ __forceinline__ int LanePosition(int tile, int i) {
  return tile * kTileKeys + ((threadIdx.x & 31) >> 2) + (i >> 1) * 8;
}
__device__ __forceinline__ int LaneColumn(int i) { return (threadIdx.x & 3) * 2 + (i & 1); }

template <class Scorer>
class UnitScan {
 public:
  __device__ UnitScan(const SelectLaunch& launch, const SelectUnit& unit, const Scorer& scorer)
      : launch_(launch), table_(unit.table), head_offset_(unit.head_offset), scorer_(scorer) {}

  // Asks for the first tiles of [begin, end) to be brought to the cache, a line per thread, while
  // the block has other things to wait for.
  __device__ __forceinline__ void Prefetch(int begin, int end) const {
    constexpr uint32_t kLine = 128;
    const uint32_t lines = max(launch_.layout.tile_bytes / kLine, 1u);
    const int tile = begin + static_cast<int>(threadIdx.x / lines);
    if (tile >= end) return;
    const uint8_t* line = Address(tile) + threadIdx.x % lines * kLine;
    asm volatile("prefetch.global.L2 [%0];" ::"l"(line));
  }

  // Calls visit(tile, goodness[4]) for tiles [begin, end), spread over the warps of the block.
  // `kAhead` loads per lane are in flight.
  template <int kAhead, class Visit>
  __device__ __forceinline__ void ForTiles(int begin, int end, Visit visit) const {
    const int lane = threadIdx.x & 31;
    for (int tile = begin + (threadIdx.x >> 5); tile < end; tile += kSelectWarps * kAhead) {
      if constexpr (kAhead > 1) PrefetchGroup<kAhead>(tile + kSelectWarps * kAhead, end);
      typename Scorer::Tile loaded[kAhead];
#pragma unroll
      for (int i = 0; i < kAhead; ++i) {
        const int next = min(tile + i * kSelectWarps, end - 1);
        loaded[i] = Scorer::Load(Address(next), lane);
      }
#pragma unroll
      for (int i = 0; i < kAhead; ++i) {
        const int next = tile + i * kSelectWarps;
        if (next >= end) break;
        int goodness[4];
        scorer_.Score(loaded[i], goodness);
        visit(next, goodness);
        __syncwarp();  // matrix instructions want the whole warp
      }
    }
  }

  // Asks for the lines of the `kAhead` tiles that the warp comes to next.
  template <int kAhead>
  __device__ __forceinline__ void PrefetchGroup(int tile, int end) const {
    constexpr int kLanes = 32 / kAhead;  // per tile
    const int lane = threadIdx.x & 31;
    const int next = tile + lane / kLanes * kSelectWarps;
    const uint32_t offset = static_cast<uint32_t>(lane % kLanes) * 128;
    if (next >= end || offset >= launch_.layout.tile_bytes) return;
    asm volatile("prefetch.global.L2 [%0];" ::"l"(Address(next) + offset));
  }

  // Calls visit(goodness[4]) for two keys of every `stride`-th of tiles [begin, end), the offset
  // among `stride` tiles and the keys varying, so that neighbours, which are alike, do not meet in
  // the sample.
  template <class Visit>
  __device__ __forceinline__ void ForSample(int begin, int end, int stride, Visit visit) const {
    const int row = (threadIdx.x & 31) >> 2;
    const int count = (end - begin) / stride;
    for (int group = threadIdx.x >> 5; group * 8 < count; group += kSelectWarps) {
      const int index = min(group * 8 + row, count - 1);
      const uint32_t jitter = (static_cast<uint32_t>(index) * 2654435761u) >> 16;
      const int tile = begin + index * stride + static_cast<int>(jitter % stride);
      const int slot = static_cast<int>((jitter >> 8) & 7) * 4 + (threadIdx.x & 3);
      int goodness[4];
      scorer_.Score(Scorer::Load(Address(tile), slot), goodness);
      if (group * 8 + row < count) visit(goodness);
    }
  }

 private:
  __device__ __forceinline__ const uint8_t* Address(int tile) const {
    return TileAddress(launch_.layout, launch_.pages, table_, head_offset_,
                       static_cast<uint32_t>(tile));
  }

  const SelectLaunch& launch_;
  const uint64_t* table_;
  int64_t head_offset_;
  const Scorer& scorer_;
};

}  // namespace kvsift::cuda

#endif  // KVSIFT_KERNELS_CUDA_UNIT_SCAN_CUH_
