#include "kernels/cpu/score_tiles.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/score_tiles.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "kernels/cpu/score_dot-inl.h"
#include "kernels/cpu/score_manhattan-inl.h"

HWY_BEFORE_NAMESPACE();
namespace kvsift {
namespace HWY_NAMESPACE {

template <int kBits, int kRows>
void ScoreRows(const ScoreForm& form, std::span<const TileRun> runs, const ScoreRow* rows) {
  switch (form.kind) {
    case ScoreKind::kDot:
      return ScoreDot<kBits, false, kRows>(form, runs, rows);
    case ScoreKind::kSquaredEuclidean:
      return ScoreDot<kBits, true, kRows>(form, runs, rows);
    case ScoreKind::kManhattanPlanes:
    case ScoreKind::kManhattanBytes:
      return ScoreManhattan<kBits, kRows>(form, runs, rows);
  }
}

// Takes as many rows at once as the registers allow, then the rest in halves.
template <int kBits, int kRows>
void ScoreAllRows(const ScoreForm& form, std::span<const TileRun> runs,
                  std::span<const ScoreRow> rows) {
  while (rows.size() >= kRows) {
    ScoreRows<kBits, kRows>(form, runs, rows.data());
    rows = rows.subspan(kRows);
  }
  if constexpr (kRows > 1) {
    if (!rows.empty()) ScoreAllRows<kBits, kRows / 2>(form, runs, rows);
  }
}

void ScoreTilesForTarget(const ScoreForm& form, std::span<const TileRun> runs,
                         std::span<const ScoreRow> rows) {
  switch (form.key_bits) {
    case 1:
      return ScoreAllRows<1, kMaxRows>(form, runs, rows);
    case 2:
      return ScoreAllRows<2, kMaxRows>(form, runs, rows);
    default:
      return ScoreAllRows<3, kMaxRows>(form, runs, rows);
  }
}

int64_t TargetOfThisBuild() { return HWY_TARGET; }

}  // namespace HWY_NAMESPACE
}  // namespace kvsift
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace kvsift {

HWY_EXPORT(ScoreTilesForTarget);
HWY_EXPORT(TargetOfThisBuild);

void ScoreTiles(const ScoreForm& form, std::span<const TileRun> runs,
                std::span<const ScoreRow> rows) {
  HWY_DYNAMIC_DISPATCH(ScoreTilesForTarget)(form, runs, rows);
}

std::string_view VectorTargetName() {
  return hwy::TargetName(HWY_DYNAMIC_DISPATCH(TargetOfThisBuild)());
}

}  // namespace kvsift
#endif  // HWY_ONCE
