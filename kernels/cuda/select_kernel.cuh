// The selection kernel: one cluster of blocks per unit, one launch from codes to positions.
//
//  1. Guess. Two keys of every few tiles are scored; a histogram per column, added over the
//     cluster, gives a threshold that the wanted number of keys very probably exceeds.
//  2. Scan. Every tile is read once and scored on the tensor cores; values at or above the guess
//     are kept as candidates in shared memory, nothing is written to device memory.
//  3. Verify. Histograms of the candidates give the exact threshold. If a column has fewer
//     candidates than wanted, or more than fit, its threshold is searched by histograms over
//     all keys instead: up to four more scans, always exact.
//  4. Mark. Keys above the threshold, and the most recent of those at it, are marked in bitmaps;
//     prefix counts give each its place in the ascending list.
#ifndef KVSIFT_KERNELS_CUDA_SELECT_KERNEL_CUH_
#define KVSIFT_KERNELS_CUDA_SELECT_KERNEL_CUH_

#include <type_traits>

#include "kernels/cuda/plain_score.cuh"
#include "kernels/cuda/scorer.cuh"
#include "kernels/cuda/select_columns.cuh"
#include "kernels/cuda/select_marks.cuh"
#include "kernels/cuda/unit_scan.cuh"

namespace kvsift::cuda {

template <class Scorer>
class UnitSelect {
 public:
  __device__ UnitSelect(const SelectLaunch& launch, SelectShared& shared, uint32_t* memory,
                        const SelectUnit& unit, const Scorer& scorer, int rank)
      : launch_(launch),
        shared_(shared),
        memory_(memory),
        scan_(launch, unit, scorer),
        space_{memory,
               shared.searches,
               shared.stored,
               shared.chunk_sums,
               launch.plan.columns,
               launch.plan.capacity,
               rank,
               launch.plan.cluster} {
    const int marks = 2 * launch.plan.columns * launch.plan.block_words;
    candidates_ = memory + max(marks, launch.plan.columns * kHistogramBins);
    SplitTiles(unit);
  }

  __device__ void Run() {
    scan_.Prefetch(tiles_.first, tiles_.end);
    if (launch_.plan.capacity > 0) {
      if (launch_.plan.sample_stride > 0) Guess();
      StoreCandidates();
      SearchCandidates();
    }
    SearchEveryKey();
    MarkTaken();
    WriteTaken();
  }

 private:
  // Tiles of this block, and those of them that need no check.
  __device__ void SplitTiles(const SelectUnit& unit) {
    const int share = (unit.end_tile - unit.first_tile + space_.cluster - 1) / space_.cluster;
    tiles_.first = min(unit.first_tile + space_.rank * share, unit.end_tile);
    tiles_.end = min(tiles_.first + share, unit.end_tile);
    int first = tiles_.first;
    int end = tiles_.end;
    for (int column = 0; column < space_.columns; ++column) {
      const ColumnRange& range = shared_.ranges[column];
      if (range.ranked == 0) continue;
      first = max(first, (range.begin + kTileKeys - 1) / kTileKeys);
      end = min(end, range.end / kTileKeys);
    }
    tiles_.inner_first = min(first, tiles_.end);
    tiles_.inner_end = max(end, tiles_.inner_first);
  }

  __device__ __forceinline__ bool Ranks(int column, int position) const {
    const ColumnRange& range = shared_.ranges[column];
    return position >= range.begin && position < range.end;
  }

  __device__ Marks MarksOf(int column) const {
    const int words = launch_.plan.block_words;
    uint32_t* taken = memory_ + 2 * column * words;
    return {taken, taken + words, words};
  }

  // Every thread calls it; `start(column)` begins the search of the columns it concerns.
  template <class Start>
  __device__ void StartSearches(Start start) {
    if (threadIdx.x < space_.columns) start(static_cast<int>(threadIdx.x));
    ClearHistograms(space_);
  }

  __device__ void Guess() {
    StartSearches([&](int column) {
      const int ranked = shared_.ranges[column].ranked;
      if (ranked == 0) return;
      StartSearch(shared_.searches[column], ranked, launch_.plan.goodness_limit,
                  launch_.plan.goodness_shift);
    });
    scan_.ForSample(tiles_.inner_first, tiles_.inner_end, launch_.plan.sample_stride,
                    [&](const int(&goodness)[4]) {
#pragma unroll
                      for (int i = 0; i < 4; ++i) {
                        if (LaneColumn(i) < space_.columns) {
                          Count(space_, LaneColumn(i), goodness[i]);
                        }
                      }
                    });
    SettleRound(space_, SearchKind::kGuess, [&](int column) {
      return shared_.ranges[column].end - shared_.ranges[column].begin;
    });
    if (threadIdx.x < space_.columns && shared_.ranges[threadIdx.x].ranked > 0) {
      shared_.ranges[threadIdx.x].guess = shared_.searches[threadIdx.x].threshold;
    }
    __syncthreads();
  }

  __device__ __forceinline__ void Keep(int column, int position, int goodness) {
    const int index = atomicAdd(&shared_.stored[column], 1);
    if (index >= space_.capacity) return;
    const uint32_t key = static_cast<uint32_t>(position - tiles_.first * kTileKeys);
    candidates_[column * space_.capacity + index] = static_cast<uint32_t>(goodness) << 16 | key;
  }

  // Least goodness that is kept; none of a column that ranks nothing.
  __device__ __forceinline__ int KeepFrom(int column) const {
    return column < space_.columns && shared_.ranges[column].ranked > 0
               ? shared_.ranges[column].guess
               : INT_MAX;
  }

  __device__ void StoreCandidates() {
    const int from[2] = {KeepFrom(LaneColumn(0)), KeepFrom(LaneColumn(1))};
    scan_.template ForTiles<4>(
        tiles_.inner_first, tiles_.inner_end, [&](int tile, const int(&goodness)[4]) {
          // One loop over the few that pass, instead of four branches that some lane takes.
          uint32_t hits = 0;
#pragma unroll
          for (int i = 0; i < 4; ++i) hits |= (goodness[i] >= from[i & 1] ? 1u : 0u) << i;
          for (; hits != 0; hits &= hits - 1) {
            const int i = __ffs(static_cast<int>(hits)) - 1;
            const int even = i < 2 ? goodness[0] : goodness[2];
            const int odd = i < 2 ? goodness[1] : goodness[3];
            Keep(LaneColumn(i), LanePosition(tile, i), (i & 1) == 0 ? even : odd);
          }
        });
    const auto checked = [&](int tile, const int(&goodness)[4]) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        if (from[i & 1] == INT_MAX) continue;
        const int position = LanePosition(tile, i);
        if (!Ranks(LaneColumn(i), position)) {
          NoteForced(LaneColumn(i), position, goodness[i]);
        } else if (goodness[i] >= from[i & 1]) {
          Keep(LaneColumn(i), position, goodness[i]);
        }
      }
    };
    for (const bool head : {true, false}) {
      const int first = head ? tiles_.first : tiles_.inner_end;
      scan_.template ForTiles<1>(first, head ? tiles_.inner_first : tiles_.end, checked);
    }
    __syncthreads();
  }

  // Forced positions count for the best goodness of a list.
  __device__ __forceinline__ void NoteForced(int column, int position, int goodness) {
    if (launch_.bests != nullptr && position < shared_.columns[column].visible) {
      atomicMax(&shared_.best[column], goodness);
    }
  }

  template <class Visit>
  __device__ void ForCandidates(Visit visit) const {
    const int warps = kSelectWarps / space_.columns;  // per column
    const int warp = threadIdx.x >> 5;
    const int column = warp / warps;
    if (column >= space_.columns || shared_.ranges[column].every_key) return;
    const int count = min(shared_.stored[column], space_.capacity);
    const uint32_t* candidates = candidates_ + column * space_.capacity;
    for (int i = warp % warps * 32 + (threadIdx.x & 31); i < count; i += warps * 32) {
      visit(column, static_cast<int>(candidates[i] & 0xffff),
            static_cast<int>(static_cast<int16_t>(candidates[i] >> 16)));
    }
  }

  __device__ void SearchCandidates() {
    StartSearches([&](int column) {
      const ColumnRange& range = shared_.ranges[column];
      if (range.ranked == 0) return;
      Search& search = shared_.searches[column];
      StartSearch(search, range.ranked, launch_.plan.goodness_limit, launch_.plan.goodness_shift);
      if (range.guess == INT_MIN) return;
      search.base = range.guess;
      search.shift = 0;
      search.open = 1;
    });
    for (;;) {
      ForCandidates([&](int column, int, int goodness) { Count(space_, column, goodness); });
      SettleRound(space_, SearchKind::kCandidates, [](int) { return 0; });
      if (!AnySearch(space_, SearchStatus::kSearching)) break;
      ClearHistograms(space_);
    }
  }

  // Calls visit(column, key of the block, goodness) for every ranked key of the columns that go
  // without candidates.
  template <class Visit>
  __device__ void ForEveryKey(Visit visit) const {
    scan_.template ForTiles<2>(tiles_.first, tiles_.end, [&](int tile, const int(&goodness)[4]) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const int column = LaneColumn(i);
        const int position = LanePosition(tile, i);
        if (column >= space_.columns || !shared_.ranges[column].every_key) continue;
        visit(column, position, goodness[i]);
      }
    });
  }

  __device__ void SearchEveryKey() {
    if (launch_.plan.capacity > 0 && !AnySearch(space_, SearchStatus::kMissing)) return;
    StartSearches([&](int column) {
      ColumnRange& range = shared_.ranges[column];
      const bool missing = shared_.searches[column].status == SearchStatus::kMissing;
      if (range.ranked == 0 || (launch_.plan.capacity > 0 && !missing)) return;
      range.every_key = true;
      StartSearch(shared_.searches[column], range.ranked, launch_.plan.goodness_limit,
                  launch_.plan.goodness_shift);
    });
    any_every_key_ = true;
    for (;;) {
      ForEveryKey([&](int column, int position, int goodness) {
        if (Ranks(column, position)) {
          Count(space_, column, goodness);
        } else {
          NoteForced(column, position, goodness);
        }
      });
      SettleRound(space_, SearchKind::kEveryKey, [](int) { return 0; });
      if (!AnySearch(space_, SearchStatus::kSearching)) break;
      ClearHistograms(space_);
    }
  }

  __device__ __forceinline__ void Mark(int column, int key, int goodness) const {
    const Marks marks = MarksOf(column);
    const int threshold = shared_.searches[column].threshold;
    if (goodness > threshold) marks.Set(marks.taken, key);
    if (goodness == threshold) marks.Set(marks.places, key);
  }

  __device__ void MarkTaken() {
    const int words = 2 * space_.columns * launch_.plan.block_words;
    for (int i = threadIdx.x; i < words; i += kSelectThreads) memory_[i] = 0;
    __syncthreads();
    ForCandidates([&](int column, int key, int goodness) { Mark(column, key, goodness); });
    if (any_every_key_) {
      ForEveryKey([&](int column, int position, int goodness) {
        if (Ranks(column, position)) {
          Mark(column, position - tiles_.first * kTileKeys, goodness);
        }
      });
    }
    __syncthreads();
    const int warp = threadIdx.x >> 5;
    LaneMarks own{};
    if (warp < space_.columns) own = CountMarks(MarksOf(warp), shared_.counts[warp]);
    ClusterSync();
    if (warp < space_.columns) {
      ShareTies(shared_.counts[warp], shared_.searches[warp].ties, space_.rank, space_.cluster);
      PlaceMarks(MarksOf(warp), shared_.counts[warp], own);
    }
    __syncthreads();
  }

  __device__ __forceinline__ void Put(int column, int key, int goodness) const {
    const Marks marks = MarksOf(column);
    if (!marks.Taken(key)) return;
    const SelectColumn& to = shared_.columns[column];
    const int64_t index = to.out + shared_.counts[column].first + marks.Place(key);
    if (launch_.list_goodness == nullptr) {
      launch_.positions[index + to.sinks] = tiles_.first * kTileKeys + key;
      return;
    }
    launch_.positions[index] = tiles_.first * kTileKeys + key;
    launch_.list_goodness[index] = goodness;
    atomicMax(&shared_.best[column], goodness);
  }

  __device__ void WriteTaken() {
    ForCandidates([&](int column, int key, int goodness) { Put(column, key, goodness); });
    if (any_every_key_) {
      ForEveryKey([&](int column, int position, int goodness) {
        if (Ranks(column, position)) Put(column, position - tiles_.first * kTileKeys, goodness);
      });
    }
    __syncthreads();
    if (launch_.bests != nullptr && threadIdx.x < space_.columns &&
        shared_.ranges[threadIdx.x].ranked > 0) {
      atomicMax(&launch_.bests[shared_.columns[threadIdx.x].best], shared_.best[threadIdx.x]);
    }
  }

  const SelectLaunch& launch_;
  SelectShared& shared_;
  uint32_t* memory_;      // histograms, later bitmaps
  uint32_t* candidates_;  // [columns, capacity]: goodness in the upper half, key in the lower
  UnitScan<Scorer> scan_;
  SearchSpace space_;
  BlockTiles tiles_;
  bool any_every_key_ = false;
};

template <class Scorer, int kBlocksPerProcessor>
__global__ void __launch_bounds__(kSelectThreads, kBlocksPerProcessor)
    SelectUnits(const __grid_constant__ SelectLaunch launch) {
  extern __shared__ __align__(16) uint32_t memory[];
  __shared__ SelectShared shared;
  const int rank = static_cast<int>(blockIdx.x) % launch.plan.cluster;
  const SelectUnit unit = launch.units[blockIdx.x / launch.plan.cluster];
  LoadColumns(launch, unit, shared);
  if (launch.list_goodness == nullptr) {
    for (int i = 0; i < unit.columns; ++i) WriteFixed(launch, shared.columns[i], rank);
  }
  int ranked = 0;
  for (int i = 0; i < unit.columns; ++i) ranked += shared.ranges[i].ranked;
  if (ranked == 0) return;  // the same in every block of the cluster
  Scorer scorer;
  if constexpr (std::is_same_v<Scorer, PlainScorer>) {
    scorer.Init(launch.layout, launch.estimate, shared.columns, unit.columns);
  } else {
    scorer.Init(launch.layout, shared.columns, unit.columns);
  }
  UnitSelect<Scorer>(launch, shared, memory, unit, scorer, rank).Run();
  ClusterSync();  // nobody leaves while others may read its counts
}

// The instance for tiles in fragment order of D = `dim`.
template <Estimate kEstimate>
auto FragmentKernel(TileOrder order, int dim) {
  if (order == TileOrder::kFragment64) return SelectUnits<NarrowScorer<kEstimate>, 2>;
  return dim == 128 ? SelectUnits<FragmentScorer<kEstimate, 1>, 2>
                    : SelectUnits<FragmentScorer<kEstimate, 2>, 1>;
}

}  // namespace kvsift::cuda

#endif  // KVSIFT_KERNELS_CUDA_SELECT_KERNEL_CUH_
