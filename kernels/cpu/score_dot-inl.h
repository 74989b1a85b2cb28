// The dot estimators and the squared distance (ScoreKind::kDot, kSquaredEuclidean).
#if defined(KVSIFT_CPU_SCORE_DOT_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef KVSIFT_CPU_SCORE_DOT_INL_H_
#undef KVSIFT_CPU_SCORE_DOT_INL_H_
#else
#define KVSIFT_CPU_SCORE_DOT_INL_H_
#endif

#include "kernels/cpu/tile_step-inl.h"

HWY_BEFORE_NAMESPACE();
namespace kvsift {
namespace HWY_NAMESPACE {

// Words of a pair word's field j and of bit m of a single word, placed where the query words of
// MakeQueryWords expect them. The fields of a byte stay where they are but for the last: there
// its factor would not fit the sum's common scale.
template <int kField>
HWY_INLINE V32 PairField(V32 word) {
  const Lanes32 d;
  if constexpr (kField == 0) return hn::And(word, hn::Set(d, 0x03030303));
  if constexpr (kField == 1) return hn::And(word, hn::Set(d, 0x0C0C0C0C));
  if constexpr (kField == 2) return hn::And(word, hn::Set(d, 0x30303030));
  return hn::And(hn::ShiftRight<2>(word), hn::Set(d, 0x30303030));
}

// A single bit is worth 1 where it is the whole code, 4 where it is the third bit.
template <int kBits, int kBit>
HWY_INLINE V32 SingleField(V32 word) {
  const Lanes32 d;
  constexpr int kPlace = kBits == 3 ? 2 : 0;
  const V32 mask = hn::Set(d, 0x01010101 << kPlace);
  if constexpr (kBit >= kPlace) return hn::And(hn::ShiftRight<kBit - kPlace>(word), mask);
  return hn::And(hn::ShiftLeft<(kBit < kPlace ? kPlace - kBit : 0)>(word), mask);
}

template <int kRows>
struct DotSums {
  ByteSums sums[kRows][VectorsPerStep(kRows)];

  // Adds one word's worth of products: `fields` of the keys, word `index` of the queries.
  HWY_INLINE void Add(const RowBlock<kRows>& rows, int index, const StepWords<kRows>& fields) {
    for (int r = 0; r < kRows; ++r) {
      const V32 query = rows.Word(index, r);
      for (int s = 0; s < VectorsPerStep(kRows); ++s) {
        sums[r][s] = AddByteProducts(sums[r][s], fields[s], query);
      }
    }
  }
};

template <int kRows, class Field>
HWY_INLINE void AddField(DotSums<kRows>& sums, const RowBlock<kRows>& rows, int index,
                         const StepWords<kRows>& words, const Field& field) {
  StepWords<kRows> fields;
  for (int s = 0; s < VectorsPerStep(kRows); ++s) fields[s] = field(words[s]);
  sums.Add(rows, index, fields);
}

template <int kRows>
HWY_INLINE void LoadWords(const Step<kRows>& step, int word, StepWords<kRows>& words) {
  for (int s = 0; s < VectorsPerStep(kRows); ++s) words[s] = step.Load(s, word);
}

template <int kRows>
HWY_INLINE void AddPairWord(DotSums<kRows>& sums, const RowBlock<kRows>& rows, int index,
                            const StepWords<kRows>& words) {
  AddField<kRows>(sums, rows, index + 0, words, [](V32 w) HWY_ATTR { return PairField<0>(w); });
  AddField<kRows>(sums, rows, index + 1, words, [](V32 w) HWY_ATTR { return PairField<1>(w); });
  AddField<kRows>(sums, rows, index + 2, words, [](V32 w) HWY_ATTR { return PairField<2>(w); });
  AddField<kRows>(sums, rows, index + 3, words, [](V32 w) HWY_ATTR { return PairField<3>(w); });
}

template <int kBits, int kRows>
HWY_INLINE void AddSingleWord(DotSums<kRows>& sums, const RowBlock<kRows>& rows, int index,
                              const StepWords<kRows>& words) {
  AddField<kRows>(sums, rows, index + 0, words,
                  [](V32 w) HWY_ATTR { return SingleField<kBits, 0>(w); });
  AddField<kRows>(sums, rows, index + 1, words,
                  [](V32 w) HWY_ATTR { return SingleField<kBits, 1>(w); });
  AddField<kRows>(sums, rows, index + 2, words,
                  [](V32 w) HWY_ATTR { return SingleField<kBits, 2>(w); });
  AddField<kRows>(sums, rows, index + 3, words,
                  [](V32 w) HWY_ATTR { return SingleField<kBits, 3>(w); });
  AddField<kRows>(sums, rows, index + 4, words,
                  [](V32 w) HWY_ATTR { return SingleField<kBits, 4>(w); });
  AddField<kRows>(sums, rows, index + 5, words,
                  [](V32 w) HWY_ATTR { return SingleField<kBits, 5>(w); });
  AddField<kRows>(sums, rows, index + 6, words,
                  [](V32 w) HWY_ATTR { return SingleField<kBits, 6>(w); });
  AddField<kRows>(sums, rows, index + 7, words,
                  [](V32 w) HWY_ATTR { return SingleField<kBits, 7>(w); });
}

// Adds the products of word v of the planes: 8 query words, or 16 for 3 bits.
template <int kBits, int kRows>
HWY_INLINE void AddPlaneWord(DotSums<kRows>& sums, const RowBlock<kRows>& rows,
                             const Step<kRows>& step, int v, int plane_words) {
  constexpr int kWords = kBits == 3 ? 16 : 8;
  StepWords<kRows> words;
  if constexpr (kBits >= 2) {
    LoadWords<kRows>(step, 2 * v, words);
    AddPairWord<kRows>(sums, rows, kWords * v, words);
    LoadWords<kRows>(step, 2 * v + 1, words);
    AddPairWord<kRows>(sums, rows, kWords * v + 4, words);
  }
  if constexpr (kBits != 2) {
    LoadWords<kRows>(step, (kBits == 3 ? 2 * plane_words : 0) + v, words);
    AddSingleWord<kBits, kRows>(sums, rows, kWords * (v + 1) - 8, words);
  }
}

// The sum of the squared codes of each key, in place of a dot product with itself: for each
// nibble a table of the squares of its codes, and bytes summed before they fill up.
template <int kBits, int kRows>
HWY_INLINE V32 SquaredNorms(const Step<kRows>& step, int s, int plane_words) {
  const Lanes32 d;
  const Bytes d8;
  V32 norms = hn::Zero(d);
  for (int v = 0; v < plane_words; ++v) {
    if constexpr (kBits == 2) {
      alignas(16) static constexpr uint8_t kSquares[16] = {0, 1, 4, 9,  1, 2,  5,  10,
                                                           4, 5, 8, 13, 9, 10, 13, 18};
      const auto squares = hn::LoadDup128(d8, kSquares);
      const V32 nibble = hn::Set(d, 0x0F0F0F0F);
      auto bytes = hn::Zero(d8);
      for (int p = 0; p < 2; ++p) {
        const V32 word = step.Load(s, 2 * v + p);
        const V32 high = hn::And(hn::ShiftRight<4>(word), nibble);
        bytes =
            hn::Add(bytes, hn::TableLookupBytes(squares, hn::BitCast(d8, hn::And(word, nibble))));
        bytes = hn::Add(bytes, hn::TableLookupBytes(squares, hn::BitCast(d8, high)));
      }
      norms = hn::Add(norms, SumBytes(hn::BitCast(d, bytes)));
    } else {
      const V32 single = step.Load(s, (kBits == 3 ? 2 * plane_words : 0) + v);
      ByteSums sums = ZeroByteSums();
      for (int m = 0; m < 8; ++m) {
        V32 code = hn::And(hn::ShiftRightSame(single, m), hn::Set(d, 0x01010101));
        if constexpr (kBits == 3) {
          const V32 pair = hn::ShiftRightSame(step.Load(s, 2 * v + m % 2), m / 2 * 2);
          code = hn::Or(hn::ShiftLeft<2>(code), hn::And(pair, hn::Set(d, 0x03030303)));
        }
        sums = AddByteProducts(sums, code, code);
      }
      norms = hn::Add(norms, FoldByteSums(sums));
    }
  }
  return norms;
}

// Writes the values of one step from the sums of 16 * q * c.
template <int kBits, bool kSubtractNorms, int kRows>
HWY_INLINE void StoreDotValues(const Step<kRows>& step, int plane_words,
                               const RowBlock<kRows>& rows, const StepWords<kRows> (&sums)[kRows]) {
  const Lanes32 d;
  for (int s = 0; s < VectorsPerStep(kRows); ++s) {
    V32 norms = hn::Zero(d);
    if constexpr (kSubtractNorms) norms = SquaredNorms<kBits, kRows>(step, s, plane_words);
    for (int r = 0; r < kRows; ++r) {
      const V32 twice = hn::ShiftRight<kDotScaleLog2 - 1>(sums[r][s]);
      const V32 offset = hn::Sub(hn::Set(d, rows.rows[r].bias), norms);
      StoreValues(hn::Add(twice, offset), rows.rows[r].values + step.offset[s]);
    }
  }
}

template <int kBits, bool kSubtractNorms, int kRows>
HWY_INLINE void ScoreDotStep(const Step<kRows>& step, int plane_words,
                             const RowBlock<kRows>& rows) {
  constexpr int kWordsPerFold = kAddsPerFold / (kBits == 3 ? 16 : 8);
  StepWords<kRows> totals[kRows];
  for (int begin = 0; begin < plane_words; begin += kWordsPerFold) {
    DotSums<kRows> sums;
    for (auto& row : sums.sums) {
      for (ByteSums& sum : row) sum = ZeroByteSums();
    }
    const int end = std::min(begin + kWordsPerFold, plane_words);
    for (int v = begin; v < end; ++v) AddPlaneWord<kBits, kRows>(sums, rows, step, v, plane_words);
    for (int r = 0; r < kRows; ++r) {
      for (int s = 0; s < VectorsPerStep(kRows); ++s) {
        const V32 folded = FoldByteSums(sums.sums[r][s]);
        totals[r][s] = begin == 0 ? folded : hn::Add(totals[r][s], folded);
      }
    }
    // Where sums never fill up, the compiler should not keep totals in registers beside them.
    if constexpr (kWordsPerFold >= kMaxPlaneWords) break;
  }
  StoreDotValues<kBits, kSubtractNorms, kRows>(step, plane_words, rows, totals);
}

template <int kBits, bool kSubtractNorms, int kRows>
HWY_NOINLINE void ScoreDot(const ScoreForm& form, std::span<const TileRun> runs,
                           const ScoreRow* rows) {
  const RowBlock<kRows> block(rows, form.words_per_query());
  ForEachStep<kRows>(runs, kBits * form.plane_words, [&](const Step<kRows>& step) HWY_ATTR {
    ScoreDotStep<kBits, kSubtractNorms, kRows>(step, form.plane_words, block);
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace kvsift
HWY_AFTER_NAMESPACE();

#endif
