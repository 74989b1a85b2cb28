#include "kernels/cpu/top_k.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/top_k.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "kernels/cpu/top_k-inl.h"

HWY_BEFORE_NAMESPACE();
namespace kvsift {
namespace HWY_NAMESPACE {

void ConsumeRun16(TopK<int16_t>& top, const int16_t* values, int64_t count, int64_t first) {
  ConsumeAll(top, values, count, RunPositions{static_cast<int32_t>(first)});
}
void ConsumeRun64(TopK<int64_t>& top, const int64_t* values, int64_t count, int64_t first) {
  ConsumeAll(top, values, count, RunPositions{static_cast<int32_t>(first)});
}
void ConsumeCandidates16(TopK<int16_t>& top, const int16_t* values, int64_t count,
                         const int32_t* positions) {
  ConsumeAll(top, values, count, ListedPositions{positions});
}
void ConsumeCandidates32(TopK<int32_t>& top, const int32_t* values, int64_t count,
                         const int32_t* positions) {
  ConsumeAll(top, values, count, ListedPositions{positions});
}
void ConsumeCandidates64(TopK<int64_t>& top, const int64_t* values, int64_t count,
                         const int32_t* positions) {
  ConsumeAll(top, values, count, ListedPositions{positions});
}
void Finish16(TopK<int16_t>& top) { CutToK(top); }
void Finish32(TopK<int32_t>& top) { CutToK(top); }
void Finish64(TopK<int64_t>& top) { CutToK(top); }

}  // namespace HWY_NAMESPACE
}  // namespace kvsift
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace kvsift {

HWY_EXPORT(ConsumeRun16);
HWY_EXPORT(ConsumeRun64);
HWY_EXPORT(ConsumeCandidates16);
HWY_EXPORT(ConsumeCandidates32);
HWY_EXPORT(ConsumeCandidates64);
HWY_EXPORT(Finish16);
HWY_EXPORT(Finish32);
HWY_EXPORT(Finish64);

void Consume(TopK<int16_t>& top, std::span<const int16_t> values, int64_t first) {
  HWY_DYNAMIC_DISPATCH(ConsumeRun16)(top, values.data(), std::ssize(values), first);
}
void Consume(TopK<int64_t>& top, std::span<const int64_t> values, int64_t first) {
  HWY_DYNAMIC_DISPATCH(ConsumeRun64)(top, values.data(), std::ssize(values), first);
}
void Consume(TopK<int16_t>& top, std::span<const int16_t> values,
             std::span<const int32_t> positions) {
  HWY_DYNAMIC_DISPATCH(ConsumeCandidates16)
  (top, values.data(), std::ssize(values), positions.data());
}
void Consume(TopK<int32_t>& top, std::span<const int32_t> values,
             std::span<const int32_t> positions) {
  HWY_DYNAMIC_DISPATCH(ConsumeCandidates32)
  (top, values.data(), std::ssize(values), positions.data());
}
void Consume(TopK<int64_t>& top, std::span<const int64_t> values,
             std::span<const int32_t> positions) {
  HWY_DYNAMIC_DISPATCH(ConsumeCandidates64)
  (top, values.data(), std::ssize(values), positions.data());
}

void Finish(TopK<int16_t>& top) { HWY_DYNAMIC_DISPATCH(Finish16)(top); }
void Finish(TopK<int32_t>& top) { HWY_DYNAMIC_DISPATCH(Finish32)(top); }
void Finish(TopK<int64_t>& top) { HWY_DYNAMIC_DISPATCH(Finish64)(top); }

}  // namespace kvsift
#endif  // HWY_ONCE
