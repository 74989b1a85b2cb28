#include "kernels/cpu/score_tiles.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "gtest/gtest.h"
#include "hwy/targets.h"
#include "kernels/cpu/query_words.h"
#include "kernels/cpu/tile_codes.h"
#include "kernels/encode/wire_codes.h"
#include "kernels/estimate/score.h"
#include "tests/kernels/contract/test_vectors.h"
#include "tests/kernels/cpu/forced_target.h"

namespace kvsift {
namespace {

constexpr Estimator kEstimators[] = {Estimator::kManhattan, Estimator::kSquaredEuclidean,
                                     Estimator::kDot, Estimator::kAsymmetricDot};

using Code = std::vector<int8_t>;

// Codes [count][dim] between `least` and `most`; the first holds `most` alone, the second
// `least`, where sums are largest.
std::vector<Code> RandomCodes(Random& random, int count, int dim, int least, int most) {
  std::vector<Code> codes(static_cast<size_t>(count), Code(static_cast<size_t>(dim)));
  for (size_t i = 0; i < codes.size(); ++i) {
    for (int8_t& c : codes[i]) {
      c = static_cast<int8_t>(i == 0   ? most
                              : i == 1 ? least
                                       : least + Below(random, most - least + 1));
    }
  }
  return codes;
}

std::vector<std::byte> Pack(const Code& code, int planes) {
  std::vector<std::byte> words(code.size() * static_cast<size_t>(planes) / 8);
  PackPlanes(code, planes, words.data());
  return words;
}

class ScoreTilesTest : public ForcedTargetTest {
 protected:
  // Compares all values of `rows` queries over three tiles in two runs with ScoreCodes.
  void Check(Random& random, Estimator estimator, int dim, int bits, int rows) {
    constexpr int kKeys = 3 * kTilePositions;
    const StoreShape shape{
        .layers = 1, .kv_heads = 1, .query_heads = rows, .head_dim = dim, .key_bits = bits};
    const TileShape tile{.plane_words = dim / 32, .planes = bits};
    const auto keys = RandomCodes(random, kKeys, dim, 0, ThresholdCount(bits));
    std::vector<std::byte> tiles(static_cast<size_t>(3 * tile.tile_bytes()));
    for (int i = 0; i < kKeys; ++i) {
      WriteTile(tile, tiles.data() + i / kTilePositions * tile.tile_bytes(), i % kTilePositions, 1,
                Pack(keys[static_cast<size_t>(i)], bits).data(), 0);
    }
    const TileRun runs[] = {{tiles.data(), 1}, {tiles.data() + tile.tile_bytes(), 2}};

    const bool fine = HasQueryScales(estimator);
    const auto queries = RandomCodes(random, rows, dim, fine ? -kFineQueryMax : 0,
                                     fine ? kFineQueryMax : ThresholdCount(bits));
    const ScoreForm form = MakeScoreForm(estimator, shape);
    std::vector<int32_t> words(static_cast<size_t>(rows * form.words_per_query()));
    std::vector<int16_t> values(static_cast<size_t>(rows * kKeys));
    std::vector<ScoreRow> score_rows;
    for (int r = 0; r < rows; ++r) {
      int32_t* row_words = words.data() + r * form.words_per_query();
      const auto packed = Pack(queries[static_cast<size_t>(r)], QueryPlanes(estimator, bits));
      const int32_t bias = MakeQueryWords(form, estimator, packed.data(), row_words);
      score_rows.push_back({row_words, bias, values.data() + r * kKeys});
    }
    ScoreTiles(form, runs, score_rows);

    for (int r = 0; r < rows; ++r) {
      for (int i = 0; i < kKeys; ++i) {
        const int32_t score = ScoreCodes(estimator, bits, queries[static_cast<size_t>(r)],
                                         keys[static_cast<size_t>(i)]);
        ASSERT_EQ(values[static_cast<size_t>(r * kKeys + i)],
                  SmallerIsBetter(estimator) ? -score : score)
            << EstimatorName(estimator) << " D " << dim << " bits " << bits << " row " << r
            << " key " << i;
      }
    }
  }
};

TEST_P(ScoreTilesTest, RunsOnTheForcedTarget) {
  EXPECT_EQ(VectorTargetName(), hwy::TargetName(GetParam()));
}

TEST_P(ScoreTilesTest, ValuesAreScoresWithLargerBetter) {
  Random random(1);
  for (const Estimator estimator : kEstimators) {
    for (const int dim : {32, 64, 128, 256}) {
      for (const int bits : {1, 2, 3}) {
        for (const int rows : {1, 2, 3, 5, 8}) Check(random, estimator, dim, bits, rows);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Targets, ScoreTilesTest, testing::ValuesIn(AvailableTargets()),
                         TargetName);

TEST(TileCodesTest, ReadTileIsTheInverseOfWriteTile) {
  Random random(2);
  for (const int dim : {32, 256}) {
    for (const int bits : {1, 2, 3}) {
      const TileShape tile{.plane_words = dim / 32, .planes = bits};
      const auto code_bytes = static_cast<size_t>(4 * tile.words());
      std::vector<std::byte> codes(kTilePositions * code_bytes);
      for (std::byte& b : codes) b = static_cast<std::byte>(Below(random, 256));
      std::vector<std::byte> stored(static_cast<size_t>(tile.tile_bytes()));
      // In two parts, the second first: a lane is written without touching its neighbours.
      const auto stride = static_cast<int64_t>(code_bytes);
      WriteTile(tile, stored.data(), 5, kTilePositions - 5, codes.data() + 5 * code_bytes, stride);
      WriteTile(tile, stored.data(), 0, 5, codes.data(), stride);
      std::vector<std::byte> read(codes.size());
      ReadTile(tile, stored.data(), 0, kTilePositions, read.data(), stride);
      EXPECT_EQ(read, codes) << dim << " " << bits;
    }
  }
}

}  // namespace
}  // namespace kvsift
