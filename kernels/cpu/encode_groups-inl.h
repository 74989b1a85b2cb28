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

#include <cstddef>
#include <cstdint>

#include "hwy/cache_control.h"
#include "kernels/cpu/encode_job.h"
#include "kernels/cpu/key_lanes-inl.h"
#include "kernels/cpu/key_planes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace kvsift {
namespace HWY_NAMESPACE {
#if HWY_TARGET == HWY_AVX3_DL

template <ElementType kType, int kDim, int kBits>
class GroupEncoder {
 public:
  // REQUIRES: a group at least.
  explicit GroupEncoder(const KeyJob& job) : job_(job), groups_(job.vectors / kGroupKeys) {}

  // Encodes the whole groups; returns how many vectors they hold.
  int64_t Run() {
    for (int64_t block = 0; block < kBlocksAhead; ++block) Transpose(block);
    for (int64_t block = 0; block < kBlocks; ++block) {
      for (int unit = 0; unit < kBlockUnits; ++unit) RotateLow(block, unit);
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
  static constexpr int64_t kBlocksAhead = 3;
  static constexpr int kSteps = kUnitDims;  // of a group, one a column
  static constexpr int kStepUnits = kBlocks * kBlockUnits / kSteps;
  static_assert(kStepUnits == Column<kDim>::kQuads);
  // Elements are fetched so far ahead of the group that is cut, which hides the latency of memory
  // and keeps what is waiting small beside the first-level cache.
  static constexpr int64_t kFetchKeys = 40;

  HWY_INLINE void Transpose(int64_t block) {
    if (HWY_UNLIKELY(block >= groups_ * kBlocks)) return;
    const int in_group = static_cast<int>(block % kBlocks);
    const int64_t key = block / kBlocks * kGroupKeys + in_group / kChunks * kBlockKeys;
    TransposeBlock(job_.elements + key * job_.head_dim * 2, job_.head_dim,
                   in_group % kChunks * kBlockDims, blocks_[block % (kBlocksAhead + 1)]);
  }

  HWY_INLINE void RotateLow(int64_t block, int unit) {
    const int in_group = static_cast<int>(block % kBlocks);
    const int dim = in_group % kChunks * kBlockDims + unit * kUnitDims;
    RotateUnit<kType>(blocks_[block % (kBlocksAhead + 1)], unit, one_,
                      &floats_[block / kBlocks % 2][dim][in_group / kChunks * kBlockKeys]);
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
    const int64_t block = (group + 1) * kBlocks + step * kStepUnits / kBlockUnits;
    Column<kDim> column;
    HWY_UNROLL(4)
    for (int quad = 0; quad < kStepUnits; ++quad) {
      column.LoadQuad(floats_[group % 2][step], quad);
      if (HWY_LIKELY(group + 1 < groups_)) RotateLow(block, kFirstUnit + quad);
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

  HWY_INLINE void Fetch(int64_t group, int step) {
    const int64_t first = group * kGroupKeys + kFetchKeys;
    if (first + kGroupKeys > job_.vectors) return;
    const int64_t step_bytes = int64_t{kGroupKeys} * 2 * job_.head_dim / kSteps;
    const std::byte* from = job_.elements + first * 2 * job_.head_dim + step * step_bytes;
    HWY_UNROLL(8)
    for (int line = 0; line < kDim / 16; ++line) hwy::Prefetch(from + 64 * line);
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
    using Writer = CodeWriter<kDim, kBits>;
    Writer::Write(planes_[group % 2], job_.codes + group * kGroupKeys * Writer::kCodeBytes);
  }

  const KeyJob job_;
  const int64_t groups_;
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
template <ElementType kType, int kDim, int kBits>
HWY_NOINLINE int64_t EncodeGroups(const KeyJob& job) {
  if (job.vectors < kGroupsMin * kGroupKeys) return 0;
  return GroupEncoder<kType, kDim, kBits>(job).Run();
}

#endif  // HWY_TARGET == HWY_AVX3_DL
}  // namespace HWY_NAMESPACE
}  // namespace kvsift
HWY_AFTER_NAMESPACE();

#endif
