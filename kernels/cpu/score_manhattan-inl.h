// The Manhattan distance (ScoreKind::kManhattanPlanes, kManhattanBytes).
#if defined(KVSIFT_CPU_SCORE_MANHATTAN_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef KVSIFT_CPU_SCORE_MANHATTAN_INL_H_
#undef KVSIFT_CPU_SCORE_MANHATTAN_INL_H_
#else
#define KVSIFT_CPU_SCORE_MANHATTAN_INL_H_
#endif

#include "kernels/cpu/tile_step-inl.h"

HWY_BEFORE_NAMESPACE();
namespace kvsift {
namespace HWY_NAMESPACE {

// Distances per byte of a lane; FinishDistances adds the four. A byte holds at most 192 with
// thermometer bits (8 bits of 24 words) and 7 * 32 with 32 codes.
template <int kRows>
struct Distances {
  hn::Vec<Bytes> bytes[kRows][VectorsPerStep(kRows)];

  HWY_INLINE void Clear() {
    for (auto& row : bytes) {
      for (auto& sum : row) sum = hn::Zero(Bytes());
    }
  }

  HWY_INLINE void AddDifferingBits(const RowBlock<kRows>& rows, int index,
                                   const StepWords<kRows>& words) {
    for (int r = 0; r < kRows; ++r) {
      const V32 query = rows.Word(index, r);
      for (int s = 0; s < VectorsPerStep(kRows); ++s) {
        const auto differing = hn::BitCast(Bytes(), hn::Xor(words[s], query));
        bytes[r][s] = hn::Add(bytes[r][s], hn::PopulationCount(differing));
      }
    }
  }

  HWY_INLINE void AddDifferences(const RowBlock<kRows>& rows, int index,
                                 const StepWords<kRows>& codes) {
    for (int r = 0; r < kRows; ++r) {
      const auto query = hn::BitCast(Bytes(), rows.Word(index, r));
      for (int s = 0; s < VectorsPerStep(kRows); ++s) {
        const auto code = hn::BitCast(Bytes(), codes[s]);
        bytes[r][s] = hn::Add(bytes[r][s], hn::Sub(hn::Max(code, query), hn::Min(code, query)));
      }
    }
  }
};

// The thermometer bits of word v of the planes against the query's: 1 word of them for 1 bit,
// 3 for 2 bits (thresholds 1 and 2 in the fields of both pair words, threshold 3 of both in one).
template <int kBits, int kRows>
HWY_INLINE void AddPlaneDistances(Distances<kRows>& distances, const RowBlock<kRows>& rows,
                                  const Step<kRows>& step, int v) {
  if constexpr (kBits == 1) {
    StepWords<kRows> words;
    for (int s = 0; s < VectorsPerStep(kRows); ++s) words[s] = step.Load(s, v);
    distances.AddDifferingBits(rows, v, words);
  } else {
    const V32 low_bits = hn::Set(Lanes32(), 0x55555555);
    StepWords<kRows> even;
    StepWords<kRows> odd;
    StepWords<kRows> third;
    for (int s = 0; s < VectorsPerStep(kRows); ++s) {
      const V32 x = step.Load(s, 2 * v);
      const V32 y = step.Load(s, 2 * v + 1);
      const V32 x_high = hn::And(hn::ShiftRight<1>(x), low_bits);
      even[s] = hn::Or(x, x_high);
      odd[s] = hn::Or(y, hn::And(hn::ShiftRight<1>(y), low_bits));
      third[s] = hn::Or(hn::And(x, x_high), hn::AndNot(low_bits, hn::And(y, hn::Add(y, y))));
    }
    distances.AddDifferingBits(rows, 3 * v, even);
    distances.AddDifferingBits(rows, 3 * v + 1, odd);
    distances.AddDifferingBits(rows, 3 * v + 2, third);
  }
}

// The 3-bit codes of word v, four to a lane at a time, against the query's.
template <int kRows>
HWY_INLINE void AddCodeDistances(Distances<kRows>& distances, const RowBlock<kRows>& rows,
                                 const Step<kRows>& step, int v, int plane_words) {
  const Lanes32 d;
  for (int m = 0; m < 8; ++m) {
    StepWords<kRows> codes;
    for (int s = 0; s < VectorsPerStep(kRows); ++s) {
      const V32 pair = hn::ShiftRightSame(step.Load(s, 2 * v + m % 2), m / 2 * 2);
      const V32 single = hn::ShiftRightSame(step.Load(s, 2 * plane_words + v), m);
      codes[s] = hn::Or(hn::And(pair, hn::Set(d, 0x03030303)),
                        hn::ShiftLeft<2>(hn::And(single, hn::Set(d, 0x01010101))));
    }
    distances.AddDifferences(rows, 8 * v + m, codes);
  }
}

template <int kBits, int kRows>
HWY_INLINE void ScoreManhattanStep(const Step<kRows>& step, int plane_words,
                                   const RowBlock<kRows>& rows) {
  constexpr int kWordsPerFold = kBits == 3 ? 4 : 8;
  const Lanes32 d;
  V32 totals[kRows][VectorsPerStep(kRows)];
  for (auto& row : totals) {
    for (V32& total : row) total = hn::Zero(d);
  }
  for (int begin = 0; begin < plane_words; begin += kWordsPerFold) {
    Distances<kRows> distances;
    distances.Clear();
    const int end = std::min(begin + kWordsPerFold, plane_words);
    for (int v = begin; v < end; ++v) {
      if constexpr (kBits == 3) {
        AddCodeDistances<kRows>(distances, rows, step, v, plane_words);
      } else {
        AddPlaneDistances<kBits, kRows>(distances, rows, step, v);
      }
    }
    for (int r = 0; r < kRows; ++r) {
      for (int s = 0; s < VectorsPerStep(kRows); ++s) {
        totals[r][s] = hn::Sub(totals[r][s], SumBytes(hn::BitCast(d, distances.bytes[r][s])));
      }
    }
  }
  for (int r = 0; r < kRows; ++r) {
    for (int s = 0; s < VectorsPerStep(kRows); ++s) {
      StoreValues(totals[r][s], rows.rows[r].values + step.offset[s]);
    }
  }
}

template <int kBits, int kRows>
HWY_NOINLINE void ScoreManhattan(const ScoreForm& form, std::span<const TileRun> runs,
                                 const ScoreRow* rows) {
  const RowBlock<kRows> block(rows, form.words_per_query());
  ForEachStep<kRows>(runs, kBits * form.plane_words, [&](const Step<kRows>& step) HWY_ATTR {
    ScoreManhattanStep<kBits, kRows>(step, form.plane_words, block);
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace kvsift
HWY_AFTER_NAMESPACE();

#endif
