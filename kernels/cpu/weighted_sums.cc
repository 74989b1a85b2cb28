#include "kernels/cpu/weighted_sums.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/weighted_sums.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "kernels/cpu/target-inl.h"

HWY_BEFORE_NAMESPACE();
namespace kvsift {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

void WeightedSumsForTarget(std::span<const int16_t* const> rows, std::span<const int32_t> weights,
                           int64_t count, int64_t* sums) {
  const hn::ScalableTag<int64_t> d64;
  const hn::Rebind<int32_t, decltype(d64)> d32;
  const hn::Rebind<int16_t, decltype(d64)> d16;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d64));
  int64_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    auto sum = hn::Zero(d64);
    for (size_t r = 0; r < rows.size(); ++r) {
      const auto scores = hn::PromoteTo(d32, hn::LoadU(d16, rows[r] + i));
      sum = hn::Add(sum, hn::PromoteTo(d64, hn::Mul(scores, hn::Set(d32, weights[r]))));
    }
    hn::StoreU(sum, d64, sums + i);
  }
  for (; i < count; ++i) {
    sums[i] = 0;
    for (size_t r = 0; r < rows.size(); ++r) sums[i] += int64_t{weights[r]} * rows[r][i];
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace kvsift
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace kvsift {

HWY_EXPORT(WeightedSumsForTarget);

void WeightedSums(std::span<const int16_t* const> rows, std::span<const int32_t> weights,
                  int64_t count, int64_t* sums) {
  HWY_DYNAMIC_DISPATCH(WeightedSumsForTarget)(rows, weights, count, sums);
}

}  // namespace kvsift
#endif  // HWY_ONCE
