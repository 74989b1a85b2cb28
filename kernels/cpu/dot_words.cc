#include "kernels/cpu/dot_words.h"

#include <array>
#include <cstring>
#include <span>

#include "kernels/format/code_shape.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/dot_words.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "kernels/cpu/target-inl.h"

HWY_BEFORE_NAMESPACE();
namespace kvsift {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Words = hn::CappedTag<uint32_t, 8>;
using SignedWords = hn::RebindToSigned<Words>;
using WordVec = hn::Vec<Words>;
using SignedVec = hn::Vec<SignedWords>;

constexpr uint32_t kEachByte = 0x01010101u;

// Eight words that one word of planes makes, in the order in which a dot loop takes them. Word i
// has dimensions 8b + m[i] in byte b, multiplied by 2^shift[i]; kept[i] is what stays in its bytes.
struct DotWordOrder {
  std::array<uint32_t, 8> m;
  std::array<uint32_t, 8> shift;
  std::array<uint32_t, 8> kept;
};

// Pair word p, field j in a byte is dimension 2j + p of the byte; field 3 is shifted to where field
// 2 was.
constexpr DotWordOrder kPairWords = {{0, 2, 4, 6, 1, 3, 5, 7},
                                     {4, 2, 0, 0, 4, 2, 0, 0},
                                     {0xF0F0F0F0, 0xFCFCFCFC, 0xFFFFFFFF, 0xFFFFFFFF, 0xF0F0F0F0,
                                      0xFCFCFCFC, 0xFFFFFFFF, 0xFFFFFFFF}};

constexpr DotWordOrder kSingleWords = {{0, 1, 2, 3, 4, 5, 6, 7},
                                       {4, 4, 4, 4, 4, 4, 4, 4},
                                       {0xF0F0F0F0, 0xF0F0F0F0, 0xF0F0F0F0, 0xF0F0F0F0, 0xF0F0F0F0,
                                        0xF0F0F0F0, 0xF0F0F0F0, 0xF0F0F0F0}};
static_assert(kDotScaleLog2 == 4);

// Adds bytes without carries between them.
HWY_INLINE WordVec AddBytes(WordVec a, WordVec b) {
  const WordVec signs = hn::Set(Words(), 0x80 * kEachByte);
  const WordVec low = hn::Add(hn::AndNot(signs, a), hn::AndNot(signs, b));
  return hn::Xor(low, hn::And(hn::Xor(a, b), signs));
}

// What stands for four query codes in the dot forms, as signed bytes: themselves, their levels, or
// their signed values.
HWY_INLINE WordVec Multipliers(Estimator estimator, WordVec codes, int key_bits) {
  if (estimator == Estimator::kDot) {
    const auto least = static_cast<uint8_t>(-ThresholdCount(key_bits));
    return AddBytes(hn::Add(codes, codes), hn::Set(Words(), least * kEachByte));
  }
  if (estimator != Estimator::kAsymmetricDot) return codes;
  // Bit 3 is the sign: it fills the upper half of the byte.
  const WordVec sign = hn::And(hn::ShiftRight<3>(codes), hn::Set(Words(), kEachByte));
  return hn::Or(codes, hn::Sub(hn::ShiftLeft<8>(sign), hn::ShiftLeft<4>(sign)));
}

// Codes 0 .. 2^planes - 1 of dimensions 8b + m in byte b, for each m.
HWY_INLINE WordVec FourCodes(std::span<const uint32_t> planes, WordVec m) {
  WordVec codes = hn::Zero(Words());
  for (size_t p = planes.size(); p-- > 0;) {
    const WordVec bits = hn::Shr(hn::Set(Words(), planes[p]), m);
    codes = hn::Add(codes, codes);
    codes = hn::Or(codes, hn::And(bits, hn::Set(Words(), kEachByte)));
  }
  return codes;
}

// What the bias counts of a signed byte of each word: itself, or its square.
template <bool kSquares, int kByte>
HWY_INLINE SignedVec Counted(WordVec bytes) {
  const SignedVec shifted = hn::BitCast(SignedWords(), hn::ShiftLeft<24 - 8 * kByte>(bytes));
  const SignedVec value = hn::ShiftRight<24>(shifted);
  if constexpr (kSquares) return hn::Mul(value, value);
  return value;
}

// Returns what the bias counts, lane by lane.
template <bool kSquares>
HWY_INLINE SignedVec WriteWords(const DotWordOrder& order, Estimator estimator, int key_bits,
                                std::span<const uint32_t> planes, int32_t* words) {
  const Words d;
  SignedVec counted = hn::Zero(SignedWords());
  for (size_t i = 0; i < order.m.size(); i += hn::Lanes(d)) {
    const WordVec codes = FourCodes(planes, hn::LoadU(d, order.m.data() + i));
    const WordVec bytes = Multipliers(estimator, codes, key_bits);
    const SignedVec low = hn::Add(Counted<kSquares, 0>(bytes), Counted<kSquares, 1>(bytes));
    const SignedVec high = hn::Add(Counted<kSquares, 2>(bytes), Counted<kSquares, 3>(bytes));
    counted = hn::Add(counted, hn::Add(low, high));
    const WordVec shifted = hn::Shl(bytes, hn::LoadU(d, order.shift.data() + i));
    const WordVec kept = hn::And(shifted, hn::LoadU(d, order.kept.data() + i));
    hn::StoreU(hn::BitCast(SignedWords(), kept), SignedWords(), words + i);
  }
  return counted;
}

// Returns the sum of the multipliers, or of their squares.
template <bool kSquares>
int32_t WriteDotWords(const ScoreForm& form, Estimator estimator, const std::byte* code,
                      int32_t* words) {
  std::array<uint32_t, 4> memory;
  const std::span planes =
      std::span(memory).first(static_cast<size_t>(QueryPlanes(estimator, form.key_bits)));
  SignedVec sums = hn::Zero(SignedWords());
  for (int v = 0; v < form.plane_words; ++v) {
    for (size_t p = 0; p < planes.size(); ++p) {
      const size_t word = p * static_cast<size_t>(form.plane_words) + static_cast<size_t>(v);
      std::memcpy(&planes[p], code + 4 * word, sizeof(uint32_t));
    }
    SignedVec counted = hn::Zero(SignedWords());  // by either order, the same
    if (form.key_bits >= 2) {
      counted = WriteWords<kSquares>(kPairWords, estimator, form.key_bits, planes, words);
      words += 8;
    }
    if (form.key_bits != 2) {
      counted = WriteWords<kSquares>(kSingleWords, estimator, form.key_bits, planes, words);
      words += 8;
    }
    sums = hn::Add(sums, counted);
  }
  return hn::GetLane(hn::SumOfLanes(SignedWords(), sums));
}

int32_t DotWordsForTarget(const ScoreForm& form, Estimator estimator, const std::byte* code,
                          int32_t* words) {
  if (form.kind == ScoreKind::kSquaredEuclidean) {
    return -WriteDotWords<true>(form, estimator, code, words);
  }
  return -ThresholdCount(form.key_bits) * WriteDotWords<false>(form, estimator, code, words);
}

}  // namespace HWY_NAMESPACE
}  // namespace kvsift
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace kvsift {

HWY_EXPORT(DotWordsForTarget);

int32_t MakeDotWords(const ScoreForm& form, Estimator estimator, const std::byte* code,
                     int32_t* words) {
  return HWY_DYNAMIC_DISPATCH(DotWordsForTarget)(form, estimator, code, words);
}

}  // namespace kvsift
#endif  // HWY_ONCE
