#include "kernels/cpu/query_words.h"

#include <array>
#include <cstring>

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

// What follows takes four bytes of a word at once.
constexpr uint32_t kEachByte = 0x01010101u;
constexpr uint32_t kSigns = 0x80 * kEachByte;

// Adds bytes without carries between them.
uint32_t AddBytes(uint32_t a, uint32_t b) {
  return ((a & ~kSigns) + (b & ~kSigns)) ^ ((a ^ b) & kSigns);
}

// Multiplies bytes by 2^shift; what leaves a byte is lost.
uint32_t ShiftBytes(uint32_t bytes, int shift) {
  return (bytes << shift) & (((0xFFu << shift) & 0xFFu) * kEachByte);
}

// The sum of four signed bytes.
int32_t SumOfBytes(uint32_t bytes) {
  const uint32_t biased = bytes ^ kSigns;
  const uint32_t pairs = (biased & 0x00FF00FFu) + ((biased >> 8) & 0x00FF00FFu);
  return static_cast<int32_t>((pairs + (pairs >> 16)) & 0xFFFFu) - 4 * 128;
}

int32_t SumOfSquares(uint32_t bytes) {
  int32_t sum = 0;
  for (int b = 0; b < 4; ++b) {
    const auto value = static_cast<int8_t>(bytes >> (8 * b));
    sum += value * value;
  }
  return sum;
}

// What stands for four query codes in the dot forms, as signed bytes: themselves, their levels, or
// their signed values.
uint32_t Multipliers(Estimator estimator, uint32_t codes, int key_bits) {
  switch (estimator) {
    case Estimator::kDot:
      return AddBytes(2 * codes, static_cast<uint8_t>(-ThresholdCount(key_bits)) * kEachByte);
    case Estimator::kAsymmetricDot:
      return codes | ((codes >> 3) & kEachByte) * 0xF0u;  // bit 3 is the sign
    default:
      return codes;
  }
}

// In the order in which the dot loops take the dimensions of word v: pair word p, field j in a
// byte is dimension m = 2j + p of the byte; single words take m as it comes.
int32_t MakeDotWords(const ScoreForm& form, Estimator estimator, const PlaneReader& query,
                     int32_t* words) {
  constexpr int kPairShift[4] = {4, 2, 0, 0};  // field 3 is shifted to where field 2 was
  int32_t sum = 0;
  int32_t squares = 0;
  for (int v = 0; v < form.plane_words; ++v) {
    std::array<uint32_t, 8> q;
    for (int m = 0; m < 8; ++m) {
      q[m] = Multipliers(estimator, query.FourCodes(v, m), form.key_bits);
      sum += SumOfBytes(q[m]);
      if (form.kind == ScoreKind::kSquaredEuclidean) squares += SumOfSquares(q[m]);
    }
    if (form.key_bits >= 2) {
      for (int p = 0; p < 2; ++p) {
        for (int j = 0; j < 4; ++j) {
          *words++ = static_cast<int32_t>(ShiftBytes(q[2 * j + p], kPairShift[j]));
        }
      }
    }
    if (form.key_bits != 2) {
      for (int m = 0; m < 8; ++m) *words++ = static_cast<int32_t>(ShiftBytes(q[m], kDotScaleLog2));
    }
  }
  if (form.kind == ScoreKind::kSquaredEuclidean) return -squares;
  return -ThresholdCount(form.key_bits) * sum;
}

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
      return MakeDotWords(form, estimator, query, words);
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
