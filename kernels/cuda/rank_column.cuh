// Ranks one column exactly: from keys with their goodness to its ascending list of positions.
//
// The keys come from a source, which calls visit(position, goodness) for each of them, spread over
// the threads of a group: the candidates that a scan kept, or, where those do not suffice, every
// key once more.
#ifndef KVSIFT_KERNELS_CUDA_RANK_COLUMN_CUH_
#define KVSIFT_KERNELS_CUDA_RANK_COLUMN_CUH_

#include "kernels/cuda/select_columns.cuh"
#include "kernels/cuda/select_marks.cuh"
#include "kernels/cuda/unit_scan.cuh"

namespace kvsift::cuda {

// Whole warps of a block that work on one column together.
struct ThreadGroup {
  int barrier;  // its number; groups of a block have different ones, above 0
  int warps;
  int warp;    // of the calling thread in the group
  int thread;  // likewise

  __device__ __forceinline__ int threads() const { return warps * 32; }
  __device__ __forceinline__ void Sync() const {
    if (warps == 1) {
      __syncwarp();
    } else {
      asm volatile("bar.sync %0, %1;" ::"r"(barrier), "r"(threads()) : "memory");
    }
  }
};

// Divides a block among `columns` columns; a group's number is threadIdx.x / 32 / warps.
__device__ __forceinline__ ThreadGroup GroupFor(int columns) {
  int warps = BlockWarps();
  while (warps > 1 && warps * columns > BlockWarps()) warps /= 2;
  const int warp = static_cast<int>(threadIdx.x >> 5);
  return {warp / warps + 1, warps, warp % warps, static_cast<int>(threadIdx.x) % (warps * 32)};
}

// Shared memory of one group.
struct RankMemory {
  uint32_t* words;  // the histogram, later the bitmaps
  int word_count;
  MarkCounts* counts;  // [warps of the group]
};

// Candidates that a lane has in registers.
template <int kMost>
struct FarKeys {
  uint32_t packed[kMost];
  int base[kMost];  // position of the slice's first key; -1: none

  template <class Visit>
  __device__ __forceinline__ void ForEach(Visit visit) const {
#pragma unroll
    for (int i = 0; i < kMost; ++i) {
      if (base[i] < 0) continue;
      visit(base[i] + static_cast<int>(packed[i] & 0xffff),
            static_cast<int>(static_cast<int16_t>(packed[i] >> 16)));
    }
  }
};

// Candidates of one column.
class Candidates {
 public:
  // Whole warps call every function.
  __device__ Candidates(const SelectLaunch& launch, const SelectUnit& unit, int column,
                        const ThreadGroup& group)
      : launch_(launch),
        unit_(unit),
        column_(column),
        group_(group),
        share_(PartTiles(unit.end_tile - unit.first_tile, unit.slices) * kTileKeys),
        first_stored_(StoredIn(0)) {}

  // False if a slice had more candidates than room.
  __device__ bool Complete() const {
    int most = first_stored_;
    for (int i = 32; i < unit_.slices; i += 32) most = max(most, StoredIn(i));
    return __reduce_max_sync(~0u, most) <= launch_.plan.capacity;
  }

  __device__ int Guess() const { return Outcome(0).guess[column_]; }

  // Largest goodness of a forced position.
  __device__ int BestForced() const {
    int best = INT_MIN;
    for (int i = Lane(); i < unit_.slices; i += 32) best = max(best, Outcome(i).best[column_]);
    __syncwarp();
    return __reduce_max_sync(~0u, best);
  }

  // Whether Hold<kMost> gives all of them.
  template <int kMost>
  __device__ bool FitIn() const {
    return unit_.slices > 1 && unit_.slices <= 32 &&
           PiecesOf(0, first_stored_).total <= kMost * group_.warps;
  }

  // This lane's share. REQUIRES: Complete() and FitIn<kMost>().
  template <int kMost>
  __device__ __forceinline__ FarKeys<kMost> Hold() const {
    FarKeys<kMost> keys;
    Load(PiecesOf(0, first_stored_), group_.warp, keys);
    return keys;
  }

  // REQUIRES: Complete().
  template <class Visit>
  __device__ __forceinline__ void ForKeys(int, int, Visit visit) const {
    for (int first = 0; first < unit_.slices; first += 32) {
      ForKeysOf(first, first == 0 ? first_stored_ : StoredIn(first), visit);
    }
  }

 private:
  __device__ static int Lane() { return static_cast<int>(threadIdx.x & 31); }
  __device__ __forceinline__ const SliceOutcome& Outcome(int slice) const {
    return launch_.outcomes[unit_.first_slice + slice];
  }
  // Candidates of slice `first` + lane.
  __device__ int StoredIn(int first) const {
    return first + Lane() < unit_.slices ? Outcome(first + Lane()).stored[column_] : 0;
  }

  // The candidates of 32 slices in pieces of 32, of which lane l knows that slice `first` + l has
  // `up_to` with those of the slices before it.
  struct Pieces {
    int first;
    int stored;
    int own;
    int up_to;
    int total;
  };
  __device__ static Pieces PiecesOf(int first, int stored) {
    const int own = (stored + 31) / 32;
    const int up_to = static_cast<int>(InclusiveScan(static_cast<uint32_t>(own)));
    return {first, stored, own, up_to, __shfl_sync(~0u, up_to, 31)};
  }

  // Loads pieces `piece`, `piece` + warps of the group, ... Many loads are in flight together: they
  // come from far away.
  template <int kTogether>
  __device__ __forceinline__ void Load(const Pieces& pieces, int piece,
                                       FarKeys<kTogether>& keys) const {
    const int64_t column_stride = launch_.plan.capacity;
    const uint32_t* candidates =
        launch_.candidates +
        ((unit_.first_slice + pieces.first) * int64_t{launch_.plan.columns} + column_) *
            column_stride;
#pragma unroll
    for (int i = 0; i < kTogether; ++i) {
      const int index = piece + i * group_.warps;
      const int slice = min(__popc(__ballot_sync(~0u, pieces.up_to <= index)), 31);
      const int begin = __shfl_sync(~0u, pieces.up_to - pieces.own, slice);
      const int within = (index - begin) * 32 + Lane();
      const int count = __shfl_sync(~0u, pieces.stored, slice);
      keys.base[i] = -1;
      if (index >= pieces.total || within >= count) continue;
      keys.base[i] = unit_.first_tile * kTileKeys + (pieces.first + slice) * share_;
      keys.packed[i] = candidates[slice * launch_.plan.columns * column_stride + within];
    }
  }

  // The warps of the group share the candidates of 32 slices.
  template <class Visit>
  __device__ __forceinline__ void ForKeysOf(int first, int stored, Visit visit) const {
    constexpr int kTogether = 4;
    if (unit_.slices == 1) return ForKeysOfOne(stored, visit);
    const Pieces pieces = PiecesOf(first, stored);
    for (int piece = group_.warp; piece < pieces.total; piece += group_.warps * kTogether) {
      FarKeys<kTogether> keys;
      Load(pieces, piece, keys);
      keys.ForEach(visit);
      __syncwarp();
    }
  }

  // The same of a unit that is one slice, in which lane 0 knows that `stored` are.
  template <class Visit>
  __device__ __forceinline__ void ForKeysOfOne(int stored, Visit visit) const {
    constexpr int kTogether = 8;
    const int count = __shfl_sync(~0u, stored, 0);
    const int base = unit_.first_tile * kTileKeys;
    const uint32_t* candidates =
        launch_.candidates +
        (unit_.first_slice * int64_t{launch_.plan.columns} + column_) * launch_.plan.capacity;
    for (int first = group_.thread; first < count; first += group_.threads() * kTogether) {
      uint32_t loaded[kTogether];
#pragma unroll
      for (int i = 0; i < kTogether; ++i) {
        loaded[i] = candidates[min(first + i * group_.threads(), count - 1)];
      }
#pragma unroll
      for (int i = 0; i < kTogether; ++i) {
        if (first + i * group_.threads() >= count) break;
        visit(base + static_cast<int>(loaded[i] & 0xffff),
              static_cast<int>(static_cast<int16_t>(loaded[i] >> 16)));
      }
    }
    __syncwarp();
  }

  const SelectLaunch& launch_;
  const SelectUnit& unit_;
  const int column_;
  const ThreadGroup& group_;
  const int share_;         // keys of a slice
  const int first_stored_;  // StoredIn(0)
};

// The same in registers: looked at twice without a second way to memory.
template <int kMost>
class HeldCandidates {
 public:
  explicit __device__ HeldCandidates(const Candidates& candidates)
      : keys_(candidates.Hold<kMost>()) {}

  template <class Visit>
  __device__ __forceinline__ void ForKeys(int, int, Visit visit) const {
    keys_.ForEach(visit);
    __syncwarp();
  }

 private:
  const FarKeys<kMost> keys_;
};

// Every key that a column ranks, scored anew. The group is the whole block.
template <class Scorer>
class EveryKey {
 public:
  __device__ EveryKey(const UnitTiles& tiles, const Scorer& scorer, const ColumnRange& range,
                      int column)
      : tiles_(tiles), scorer_(scorer), range_(range), column_(column) {}

  template <class Visit>
  __device__ __forceinline__ void ForKeys(int begin, int end, Visit visit) const {
    ForTiles(tiles_, scorer_, begin / kTileKeys, (end + kTileKeys - 1) / kTileKeys,
             [&](int tile, const int(&goodness)[4]) {
#pragma unroll
               for (int i = 0; i < 4; ++i) {
                 const int position = LanePosition(tile, i);
                 if (LaneColumn(i) == column_ && range_.Holds(position)) {
                   visit(position, goodness[i]);
                 }
               }
             });
  }

 private:
  const UnitTiles& tiles_;
  const Scorer& scorer_;
  const ColumnRange range_;
  const int column_;
};

// The goodness of the last position that the column takes. `bins` holds every value of the source.
template <class Source>
__device__ Threshold FindThreshold(const Source& source, const ThreadGroup& group,
                                   const ColumnRange& range, BinRange bins, uint32_t* histogram) {
  int wanted = range.ranked;
  for (;;) {
    for (int i = group.thread; i < kHistogramBins; i += group.threads()) histogram[i] = 0;
    group.Sync();
    source.ForKeys(range.begin, range.end, [&](int, int goodness) {
      if (bins.Holds(goodness)) atomicAdd(&histogram[bins.BinOf(goodness)], 1u);
    });
    group.Sync();
    const RankedBin found = FindRankedBin(histogram, wanted);
    group.Sync();
    if (found.bin < 0) return {0, 0, 0, false};
    wanted -= found.above;
    if (NarrowTo(bins, found.bin)) return {bins.base, wanted, found.count, true};
  }
}

// One warp's part of the marks of a window, counted.
struct WarpMarks {
  Marks marks;
  int first_word;
  LaneMarks own;
  int drop;   // of its ties, the oldest
  int place;  // of its first taken key
};

// Counts the marks of all warps of the group, of which the `drop` oldest ties are not taken and
// the rest have places from `place` on. Adds up what the window holds.
__device__ inline WarpMarks CountWindow(const Marks& marks, const ThreadGroup& group,
                                        MarkCounts* counts, int drop, int place,
                                        MarkCounts& total) {
  const int share = (marks.words + group.warps - 1) / group.warps;
  const int first = min(group.warp * share, marks.words);
  const Marks part{marks.taken + first, marks.places + first, min(share, marks.words - first)};
  const LaneMarks own = CountMarks(part, counts[group.warp]);
  group.Sync();
  const int lane = static_cast<int>(threadIdx.x & 31);
  const MarkCounts counted = lane < group.warps ? counts[lane] : MarkCounts{0, 0};
  const bool earlier = lane < group.warp;
  const MarkCounts before{__reduce_add_sync(~0u, earlier ? counted.better : 0),
                          __reduce_add_sync(~0u, earlier ? counted.tied : 0)};
  total = {__reduce_add_sync(~0u, counted.better), __reduce_add_sync(~0u, counted.tied)};
  return {part, first, own, max(0, drop - before.tied),
          place + before.better + max(0, before.tied - drop)};
}

// Calls write(place, position, goodness) for every position that the column takes, places
// ascending with positions. Without kGoodness it is not looked up, and is 0.
template <bool kGoodness, class Source, class Write>
__device__ void PlaceColumn(const Source& source, const ThreadGroup& group,
                            const ColumnRange& range, const Threshold& threshold,
                            const RankMemory& memory, Write write) {
  const int most_words = memory.word_count / 2;
  int drop = threshold.tied - threshold.ties;
  int place = 0;
  for (int begin = range.begin & ~31; begin < range.end; begin += most_words * 32) {
    const int end = min(range.end, begin + most_words * 32);
    const Marks marks{memory.words, memory.words + most_words, (end - begin + 31) / 32};
    for (int i = group.thread; i < marks.words; i += group.threads()) {
      marks.taken[i] = 0;
      marks.places[i] = 0;
    }
    group.Sync();
    source.ForKeys(begin, end, [&](int position, int goodness) {
      if (goodness < threshold.value || position < begin || position >= end) return;
      marks.Set(goodness > threshold.value ? marks.taken : marks.places, position - begin);
    });
    group.Sync();
    MarkCounts total;
    const WarpMarks part = CountWindow(marks, group, memory.counts, drop, place, total);
    if constexpr (kGoodness) {
      PlaceMarks(part.marks, part.own, part.drop, part.place);
      group.Sync();
      source.ForKeys(begin, end, [&](int position, int goodness) {
        if (goodness < threshold.value || position < begin || position >= end) return;
        const int key = position - begin;
        if (marks.Taken(key)) write(marks.Place(key), position, goodness);
      });
    } else {
      const int first = begin + part.first_word * 32;
      ForTakenWords(part.marks, part.own, part.drop, part.place,
                    [&](int word, uint32_t taken, int next) {
                      for (; taken != 0; taken &= taken - 1) {
                        write(next++, first + word * 32 + __ffs(static_cast<int>(taken)) - 1, 0);
                      }
                    });
    }
    group.Sync();
    place += total.better + max(0, total.tied - drop);
    drop = max(0, drop - total.tied);
  }
}

// Writes the ranked part of a column.
template <class Source>
__device__ void WriteColumn(const SelectLaunch& launch, const Source& source,
                            const ThreadGroup& group, UnitColumns& shared, int column,
                            const Threshold& threshold, const RankMemory& memory) {
  const SelectColumn& to = shared.columns[column];
  const ColumnRange& range = shared.ranges[column];
  if (launch.list_goodness == nullptr) {
    PlaceColumn<false>(source, group, range, threshold, memory,
                       [&](int place, int position, int goodness) {
                         WriteRanked(launch, to, place, position, goodness);
                       });
    return;
  }
  int best = INT_MIN;
  PlaceColumn<true>(source, group, range, threshold, memory,
                    [&](int place, int position, int goodness) {
                      WriteRanked(launch, to, place, position, goodness);
                      best = max(best, goodness);
                    });
  best = __reduce_max_sync(~0u, best);
  if (group.thread % 32 == 0) atomicMax(&launch.bests[to.best], best);
}

}  // namespace kvsift::cuda

#endif  // KVSIFT_KERNELS_CUDA_RANK_COLUMN_CUH_
