#include "kernels/cpu/query_words.h"

#include <cstring>

#include "kernels/cpu/dot_words.h"
#include "kernels/cpu/tile_codes.h"
#include "kernels/format/code_shape.h"

namespace kvsift {
namespace {

// The planes of a query code, a word at a time.
class PlaneReader {
 public:
  PlaneReader(const std::byte* code, int plane_words, int planes)
      : code_(code), plane_words_(plane_words), planes_(planes) {}

  uint32_t Word(int plane, int v) const {
    uint32_t word;
    std::memcpy(&word, code_ + 4 * (plane * plane_words_ + v), sizeof word);
    return word;
  }

  // Codes 0 .. 2^planes - 1 of dimensions 32v + 8b + m, b = 0 .. 3, in byte b.
  uint32_t FourCodes(int v, int m) const {
    uint32_t bytes = 0;
    for (int p = 0; p < planes_; ++p) bytes |= ((Word(p, v) >> m) & 0x01010101u) << p;
    return bytes;
  }

 private:
  const std::byte* code_;
  int plane_words_;
  int planes_;
};

void MakePlaneWords(const ScoreForm& form, const PlaneReader& query, int32_t* words) {
  for (int v = 0; v < form.plane_words; ++v) {
    if (form.key_bits == 1) {
      *words++ = static_cast<int32_t>(query.Word(0, v));
      continue;
    }
    const uint32_t even = EvenPairs(query.Word(0, v), query.Word(1, v));
    const uint32_t odd = OddPairs(query.Word(0, v), query.Word(1, v));
    *words++ = static_cast<int32_t>(even | ((even >> 1) & kEvenBits));
    *words++ = static_cast<int32_t>(odd | ((odd >> 1) & kEvenBits));
    *words++ =
        static_cast<int32_t>((even & (even >> 1) & kEvenBits) | (odd & (odd << 1) & ~kEvenBits));
  }
}

}  // namespace

int ScoreForm::words_per_query() const {
  switch (kind) {
    case ScoreKind::kDot:
    case ScoreKind::kSquaredEuclidean:
      return plane_words * (key_bits == 3 ? 16 : 8);
    case ScoreKind::kManhattanPlanes:
      return plane_words * ThresholdCount(key_bits);
    case ScoreKind::kManhattanBytes:
      return plane_words * 8;
  }
  return 0;
}

ScoreForm MakeScoreForm(Estimator estimator, const StoreShape& shape) {
  ScoreForm form{.kind = ScoreKind::kDot,
                 .key_bits = shape.key_bits,
                 .plane_words = PlaneWords(shape.head_dim)};
  if (estimator == Estimator::kSquaredEuclidean) form.kind = ScoreKind::kSquaredEuclidean;
  if (estimator == Estimator::kManhattan) {
    form.kind = shape.key_bits == 3 ? ScoreKind::kManhattanBytes : ScoreKind::kManhattanPlanes;
  }
  return form;
}

int32_t MakeQueryWords(const ScoreForm& form, Estimator estimator, const std::byte* code,
                       int32_t* words) {
  const PlaneReader query(code, form.plane_words, QueryPlanes(estimator, form.key_bits));
  switch (form.kind) {
    case ScoreKind::kDot:
    case ScoreKind::kSquaredEuclidean:
      return MakeDotWords(form, estimator, code, words);
    case ScoreKind::kManhattanPlanes:
      MakePlaneWords(form, query, words);
      return 0;
    case ScoreKind::kManhattanBytes:
      for (int v = 0; v < form.plane_words; ++v) {
        for (int m = 0; m < 8; ++m) *words++ = static_cast<int32_t>(query.FourCodes(v, m));
      }
      return 0;
  }
  return 0;
}

}  // namespace kvsift
