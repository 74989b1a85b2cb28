// The encoder of keys of 16-bit elements, sixteen at a time (key_lanes-inl.h), whichever kv heads
// they belong to: each lane has its own thresholds.
//
// Three stages take turns of a few instructions, so that the units that one leaves idle have work
// from another: group g is rotated from stride 8 on and cut, group g + 1 rotated below that, and
// blocks ahead of it transposed. Between stages the values pass through the first-level cache, and
// each is loaded long after it was stored: a load of what is not yet written there, from several
// smaller stores, would wait.
#if defined(KVSIFT_CPU_ENCODE_GROUPS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef KVSIFT_CPU_ENCODE_GROUPS_INL_H_
#undef KVSIFT_CPU_ENCODE_GROUPS_INL_H_
#else
#define KVSIFT_CPU_ENCODE_GROUPS_INL_H_
#endif

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <new>

#include "hwy/cache_control.h"
#include "kernels/cpu/encode_job.h"
#include "kernels/cpu/key_lanes-inl.h"
#include "kernels/cpu/key_planes-inl.h"

#if HWY_TARGET == HWY_AVX3_DL
HWY_BEFORE_NAMESPACE();
namespace kvsift {
namespace HWY_NAMESPACE {

template <ElementType kType, int kDim, int kBits>
class GroupEncoder {
 public:
  // REQUIRES: a group at least.
  explicit GroupEncoder(const KeyJob& job) : job_(job), groups_(job.vectors / kGroupKeys) {}

  // Encodes the whole groups; returns how many vectors they hold.
  int64_t Run() {
    const int64_t first_bytes = std::min(kFetchBytes, KeyBytes(job_.vectors));
    for (int64_t at = 0; at < first_bytes; at += 64) FetchLine(job_.elements + at);
    for (size_t block = 0; block < kBlocksAhead; ++block) Transpose(block);
    for (size_t block = 0; block < kBlocks; ++block) {
      for (int unit = 0; unit < kBlockUnits; ++unit) {
        RotateUnit<kType>(BlockOf(block), unit, one_, FloatsOf(block));
      }
      Transpose(block + kBlocksAhead);
    }
    for (int64_t group = 0; group < groups_; ++group) EncodeGroup(group);
    WriteCodes(groups_ - 1);
    return groups_ * kGroupKeys;
  }

 private:
  // Blocks of a group: those of its first 8 keys, then those of the others.
  static constexpr int kChunks = kDim / kBlockDims;
  static constexpr int kBlocks = 2 * kChunks;
  static constexpr size_t kBlocksAhead = 3;
  static constexpr int kSteps = kUnitDims;  // of a group, one a column
  static constexpr int kStepUnits = kBlocks * kBlockUnits / kSteps;
  static_assert(kStepUnits == Column<kDim>::kQuads);
  static constexpr int kStepKeys = kGroupKeys / kSteps;
  static constexpr int64_t kCodeBytes = CodeWriter<kDim, kBits>::kCodeBytes;
  // Elements are asked for so far ahead of the group that is cut, and their page before that.
  static constexpr int64_t kFetchBytes = int64_t{12} << 10;
  static constexpr int64_t kPageFetchBytes = int64_t{8} << 10;
  static constexpr int64_t kFetchGroups = 3;
  static_assert(kFetchGroups * kGroupKeys * 2 * kDim <= kFetchBytes);

  int64_t KeyBytes(int64_t keys) const { return keys * 2 * job_.head_dim; }

  static HWY_INLINE void FetchLine(const std::byte* line) { __builtin_prefetch(line, 0, 2); }

  // Blocks are counted over all groups.
  KeyBlock& BlockOf(size_t block) { return blocks_[block % (kBlocksAhead + 1)]; }

  HWY_INLINE void Transpose(size_t block) {
    if (HWY_UNLIKELY(block >= block_count_)) return;
    const int in_group = static_cast<int>(block % kBlocks);
    const auto group = static_cast<int64_t>(block / kBlocks);
    const int64_t key = group * kGroupKeys + in_group / kChunks * kBlockKeys;
    TransposeBlock(job_.elements + KeyBytes(key), job_.head_dim, in_group % kChunks * kBlockDims,
                   BlockOf(block));
  }

  // Where strides 1, 2 and 4 of a block go: [kBlockDims, kGroupKeys].
  float* FloatsOf(size_t block) {
    const size_t in_group = block % kBlocks;
    return &floats_[block / kBlocks % 2][in_group % kChunks * kBlockDims]
                   [in_group / kChunks * kBlockKeys];
  }

  HWY_INLINE void EncodeGroup(int64_t group) {
    if (group == 0 || kGroupKeys % job_.kv_heads != 0) LoadThresholds(group * kGroupKeys);
    for (int step = 0; step < kSteps; step += 2) {
      Step<0>(group, step);
      Step<1>(group, step + 1);
      // The last masks of the group before have left the store queue by now.
      if (step == 0 && group > 0) WriteCodes(group - 1);
    }
  }

  // Column `step` of `group`, which is kParity modulo 2, and its share of the other stages.
  template <int kParity>
  HWY_INLINE void Step(int64_t group, int step) {
    constexpr int kFirstUnit = kParity * kStepUnits % kBlockUnits;
    Fetch(group, step);
    const size_t block = static_cast<size_t>(group + 1) * kBlocks +
                         static_cast<size_t>(step * kStepUnits / kBlockUnits);
    const bool more = block < block_count_;
    const KeyBlock& halves = BlockOf(block);
    float* low = FloatsOf(block);
    const VE one = one_;
    Column<kDim> column;
    HWY_UNROLL(4)
    for (int quad = 0; quad < kStepUnits; ++quad) {
      column.LoadQuad(floats_[group % 2][step], quad);
      if (HWY_LIKELY(more)) RotateUnit<kType>(halves, kFirstUnit + quad, one, low);
      if (quad % 2 == 1) column.JoinQuads(quad - 1);
    }
    if constexpr (kFirstUnit + kStepUnits == kBlockUnits) Transpose(block + kBlocksAhead);
    const Thresholds<kBits> thresholds = thresholds_;
    auto& masks = planes_[group % 2].masks;
    column.Finish([&masks, &thresholds, step](int dim, VF x) HWY_ATTR {
      CutIntoPlanes<kBits>(x, thresholds, [&masks, dim, step](int plane, auto mask) HWY_ATTR {
        masks[plane][dim + step] = static_cast<uint16_t>(mask.raw);
      });
    });
  }

  // Asks for what the stages will read and write. The processor's own prefetchers follow every
  // access to the first-level cache and lose the elements among those to the buffers here; it lets
  // twice as many requests for the second level wait as for the first. Such a request waits for
  // the address of its page, so that is asked for earlier.
  HWY_INLINE void Fetch(int64_t group, int step) {
    const int64_t step_bytes = KeyBytes(kStepKeys);
    const int64_t begin = KeyBytes(group * kGroupKeys) + step * step_bytes + kFetchBytes;
    if (HWY_UNLIKELY(begin + step_bytes > KeyBytes(job_.vectors))) return;
    const std::byte* from = job_.elements + begin;
    HWY_UNROLL(8)
    for (int line = 0; line < kDim / 16; ++line) FetchLine(from + 64 * line);
    FetchLine(job_.codes + ((group + kFetchGroups) * kGroupKeys + step * kStepKeys) * kCodeBytes);
    if (step == 0) {
      hwy::Prefetch(from + std::min(kPageFetchBytes, KeyBytes(job_.vectors) - begin - 1));
    }
  }

  // Those of the kv heads of vectors [first, first + 16), one in a lane.
  void LoadThresholds(int64_t first) {
    constexpr int kThresholds = (1 << kBits) - 1;
    for (int t = 0; t < kThresholds; ++t) {
      HWY_ALIGN float lanes[kGroupKeys];
      for (int key = 0; key < kGroupKeys; ++key) {
        lanes[key] = job_.thresholds[(first + key) % job_.kv_heads * kThresholds + t];
      }
      thresholds_.above[t] = hn::Load(Floats(), lanes);
    }
  }

  HWY_INLINE void WriteCodes(int64_t group) {
    CodeWriter<kDim, kBits>::Write(planes_[group % 2],
                                   job_.codes + group * kGroupKeys * kCodeBytes);
  }

  const KeyJob job_;
  const int64_t groups_;
  const size_t block_count_ = static_cast<size_t>(groups_) * kBlocks;
  const VE one_ = HiddenOne(EightFloats());
  Thresholds<kBits> thresholds_;
  KeyBlock blocks_[kBlocksAhead + 1];
  alignas(64) float floats_[2][kDim][kGroupKeys];  // of the group that is cut and the next
  PlaneMasks<kDim, kBits> planes_[2];              // of the group that is cut and the one before
};

// True if the loops above take such keys.
template <ElementType kType, int kDim>
inline constexpr bool kEncodesGroups = kType != ElementType::kFloat32 &&
                                       (kDim == 64 || kDim == 128);

// A group alone has nothing beside it and takes as long as its vectors one by one.
inline constexpr int64_t kGroupsMin = 2;

// Encodes the first vectors of `job` in groups of sixteen; returns how many.
//
// Where the encoder lies beside the elements decides up to a tenth of the speed, probably because a
// load waits for an older store whose address agrees in the lowest 12 bits, and groups of a common
// size move on by whole pages. So its place is chosen, not left to the stack.
template <ElementType kType, int kDim, int kBits>
HWY_NOINLINE int64_t EncodeGroups(const KeyJob& job) {
  if (job.vectors < kGroupsMin * kGroupKeys) return 0;
  using Encoder = GroupEncoder<kType, kDim, kBits>;
  constexpr uintptr_t kPageBytes = 4096;
  constexpr uintptr_t kDistance = 256;  // from the elements' place in a page: measured
  alignas(Encoder) std::byte memory[sizeof(Encoder) + kPageBytes];
  const uintptr_t wanted =
      (reinterpret_cast<uintptr_t>(job.elements) + kDistance) & ~(alignof(Encoder) - 1);
  std::byte* place = memory + ((wanted - reinterpret_cast<uintptr_t>(memory)) & (kPageBytes - 1));
  return (new (place) Encoder(job))->Run();
}

}  // namespace HWY_NAMESPACE
}  // namespace kvsift
HWY_AFTER_NAMESPACE();
#endif  // HWY_TARGET == HWY_AVX3_DL

#endif
