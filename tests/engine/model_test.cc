// Drives an engine with random operations and demands what the model (engine_model.h) says:
// statuses, epochs, lengths, pages, selections, and every byte back at the end.
//
// --operations N per run (400 by default), --seeds N runs per backend (3), --first-seed N.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <map>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/engine/engine_driver.h"
#include "tests/engine/engine_harness.h"
#include "tests/engine/engine_model.h"

namespace kvsift {
namespace {

using absl::StatusCode;

int64_t operations = 400;
uint32_t seeds = 3;
uint32_t first_seed = 1;

constexpr int64_t kCapacityPages = 12;
constexpr uint64_t kIds = 8;
constexpr int32_t kLayerIds[] = {3, 7};

const std::vector<Policy> kPolicies = {
    {.k = 6, .estimator = Estimator::kManhattan},
    {.k = 17, .estimator = Estimator::kDot, .grouping = Grouping::kGroupUnion, .sinks = 2},
    {.k = 5, .estimator = Estimator::kSquaredEuclidean, .grouping = Grouping::kGroupMax},
    {.k = 9, .estimator = Estimator::kDot, .grouping = Grouping::kLayerMax, .window = 4}};

class ModelRun {
 public:
  ModelRun(const std::string& backend, uint32_t seed)
      : random_(seed),
        test_(backend, kCapacityPages * kSmallPageBytes, SmallConfig(), {}, seed),
        model_(kCapacityPages) {}

  void Run() {
    for (int64_t i = 0; i < operations && !testing::Test::HasFailure(); ++i) {
      SCOPED_TRACE("operation " + std::to_string(i));
      switch (Below(10)) {
        case 0:
          Truncate();
          break;
        case 1:
        case 2:
          Fork();
          break;
        case 3:
          Release();
          break;
        default:
          Step();
      }
      CheckState();
    }
    for (uint64_t id = 0; id < kIds; ++id) kvsift::Release(*test_.engine, id);
    const MemoryUse use = test_.engine->Shards()[0].memory;
    EXPECT_EQ(use.free_bytes, kCapacityPages * kSmallPageBytes);
    EXPECT_EQ(use.fragmented_bytes, 0);
  }

  const std::map<StatusCode, int>& seen() const { return seen_; }

 private:
  int64_t Below(int64_t limit) { return static_cast<int64_t>(random_() % limit); }
  bool OneIn(int64_t n) { return Below(n) == 0; }
  uint64_t AnyId() { return static_cast<uint64_t>(Below(kIds)); }

  std::optional<uint64_t> AnyEpoch(uint64_t id) {
    if (!OneIn(4)) return std::nullopt;
    return OneIn(2) ? model_.Epoch(id) : static_cast<uint64_t>(Below(20));
  }

  // Keys for positions [start, start + count) of a layer: what is there and then random ones, or,
  // now and then, something else from some position on.
  Bytes AnyKeys(uint64_t id, int layer, int64_t start, int64_t count) {
    const int64_t stored = std::max<int64_t>(model_.Length(id, layer) - start, 0);
    int64_t same = std::min(stored, count);
    if (same > 0 && OneIn(3)) same = Below(same);
    if (same == 0) return RandomKeys(random_, count);
    const Bytes& there = model_.Find(id)->layers[layer];
    return Joined(Slice(there, start, start + same), RandomKeys(random_, count - same));
  }

  EntrySpec AnyEntry(uint64_t id, const std::vector<int>& layers, bool selects, bool says_visible) {
    EntrySpec entry;
    entry.id = id;
    entry.epoch = AnyEpoch(id);
    if (!OneIn(4)) {
      const int64_t length = model_.Length(id, layers[Below(std::ssize(layers))]);
      entry.start = OneIn(3) ? Below(length + 2) : length;
      const int64_t count = 1 + Below(OneIn(4) ? 150 : 20);
      for (const int layer : layers) entry.keys.push_back(AnyKeys(id, layer, entry.start, count));
    }
    if (OneIn(20)) entry.invalid = absl::InvalidArgumentError("a bad value");
    if (!selects || OneIn(3)) return entry;
    entry.tokens = 1 + Below(3);
    entry.policy = static_cast<int32_t>(Below(std::ssize(kPolicies)));
    entry.queries = RandomQueries(random_, Estimator::kDot, entry.tokens).codes;
    const int64_t length = model_.Length(id, layers[0]);
    for (int64_t t = 0; says_visible && t < entry.tokens; ++t) {
      entry.visible.push_back(OneIn(15) ? -1 : Below(length + (OneIn(5) ? 3 : 1)));
    }
    return entry;
  }

  void Step() {
    const bool selects = !OneIn(3);
    std::vector<int> layers = {static_cast<int>(Below(2))};
    if (!selects && OneIn(2)) layers.push_back(1 - layers[0]);
    StepSpec spec;
    spec.layer_ids.clear();
    for (const int layer : layers) spec.layer_ids.push_back(kLayerIds[layer]);
    spec.on_conflict = OneIn(2) ? ConflictRule::kReplaceTail : ConflictRule::kFail;
    spec.layout = OneIn(2) ? AnswerLayout::kPacked : AnswerLayout::kPadded;
    spec.want_scores = OneIn(2);
    spec.policies = kPolicies;
    std::set<uint64_t> ids;
    const bool says_visible = OneIn(2);
    for (int64_t entries = 1 + Below(3); std::ssize(ids) < entries;) ids.insert(AnyId());
    for (const uint64_t id : ids) {
      spec.entries.push_back(AnyEntry(id, layers, selects, says_visible));
    }
    std::shuffle(spec.entries.begin(), spec.entries.end(), random_);
    CheckStep(spec, layers, RunStep(*test_.engine, spec));
  }

  void CheckStep(const StepSpec& spec, const std::vector<int>& layers, const StepOutcome& got) {
    ASSERT_TRUE(got.status.ok()) << got.status;
    ASSERT_EQ(got.entries.size(), spec.entries.size());
    const bool alone = spec.entries.size() == 1;
    int64_t most_pages = 0;
    for (const EntrySpec& entry : spec.entries) {
      if (entry.keys.empty()) continue;
      most_pages += EngineModel::MostPages(entry.start, std::ssize(entry.keys[0]) / kSmallKeyBytes);
    }
    const bool may_be_short = most_pages > model_.free_pages();
    const uint64_t last_epoch = model_.last_epoch();
    int64_t row = 0;
    for (size_t i = 0; i < spec.entries.size(); ++i) {
      SCOPED_TRACE("entry " + std::to_string(i));
      const EntrySpec& entry = spec.entries[i];
      ++seen_[got.entries[i].status.code()];
      const bool short_of_pages = got.entries[i].status.code() == StatusCode::kResourceExhausted;
      if (!alone && short_of_pages) {
        EXPECT_TRUE(may_be_short);
      } else {
        ModelResult want = model_.Step(entry, layers, spec.on_conflict, alone);
        if (!alone && want.takes_epoch) {
          EXPECT_GT(got.entries[i].epoch, last_epoch);
          model_.AdoptEpoch(entry.id, got.entries[i].epoch);
          want.epoch = got.entries[i].epoch;
        }
        ExpectResult(got.entries[i], want);
      }
      row = CheckRows(spec, layers[0], entry, got, row);
    }
  }

  static void ExpectResult(const EntryResult& got, const ModelResult& want) {
    EXPECT_EQ(got.status.code(), want.code) << got.status;
    EXPECT_EQ(got.epoch, want.epoch) << got.status;
    EXPECT_EQ(got.length, want.length) << got.status;
  }

  // Compares the rows of `entry`, which begin at `row`, and returns where they end.
  int64_t CheckRows(const StepSpec& spec, int layer, const EntrySpec& entry, const StepOutcome& got,
                    int64_t row) {
    if (entry.tokens == 0) return row;
    const Policy& policy = kPolicies[entry.policy];
    const int64_t rows = entry.tokens * RowsPerToken(policy.grouping, SmallConfig().shape);
    const size_t index = &entry - spec.entries.data();
    StepOutcome want;
    if (got.entries[index].status.ok()) want = Select(entry, layer, policy, got.shape.width);
    for (int64_t r = 0; r < rows; ++r) {
      const std::vector<int32_t> expected =
          want.counts.empty() ? std::vector<int32_t>() : want.Row(r);
      EXPECT_EQ(got.Row(row + r), expected) << "row " << r;
      if (!spec.want_scores || policy.grouping != Grouping::kHead || expected.empty()) continue;
      const int64_t from = got.shape.layout == AnswerLayout::kPacked ? got.offsets[row + r]
                                                                     : (row + r) * got.shape.width;
      EXPECT_TRUE(std::equal(want.scores.begin() + r * got.shape.width,
                             want.scores.begin() + r * got.shape.width + std::ssize(expected),
                             got.scores.begin() + from));
    }
    return row + rows;
  }

  StepOutcome Select(const EntrySpec& entry, int layer, const Policy& policy, int64_t width) {
    const Bytes& keys = model_.Find(entry.id)->layers[layer];
    std::vector<int64_t> visible = entry.visible;
    const int64_t count = entry.keys.empty() ? 0 : std::ssize(entry.keys[0]) / kSmallKeyBytes;
    const int64_t base = count > 0 ? entry.start + count : std::ssize(keys) / kSmallKeyBytes;
    for (int64_t t = std::ssize(visible); t < entry.tokens; ++t) {
      visible.push_back(DefaultVisibleLength(base, t, entry.tokens));
    }
    return Expected(SmallConfig(), layer, keys, policy, {entry.queries, {}}, visible, width);
  }

  void ExpectMutation(const MutationResult& got, const ModelResult& want) {
    ++seen_[got.status.code()];
    EXPECT_EQ(got.status.code(), want.code) << got.status;
    EXPECT_EQ(got.epoch, want.epoch) << got.status;
    EXPECT_EQ(got.lengths.empty() ? 0 : got.lengths[0], want.length) << got.status;
  }

  void Truncate() {
    const uint64_t id = AnyId();
    const int64_t length = Below(model_.Length(id, static_cast<int>(Below(2))) + 3);
    const auto epoch = AnyEpoch(id);
    ExpectMutation(kvsift::Truncate(*test_.engine, id, length, epoch),
                   model_.Truncate(id, length, epoch));
  }

  void Fork() {
    if (forks_.empty() || !OneIn(4)) {
      const uint64_t parent = AnyId();
      forks_.push_back({parent, AnyId(), Below(model_.Length(parent, 0) + 3)});
    }
    // A new one, or one that was sent before.
    const auto [parent, child, length] =
        OneIn(3) ? forks_[Below(std::ssize(forks_))] : forks_.back();
    const auto epoch = AnyEpoch(parent);
    ExpectMutation(kvsift::Fork(*test_.engine, parent, child, length, epoch),
                   model_.Fork(parent, child, length, epoch));
  }

  void Release() {
    const uint64_t id = AnyId();
    const auto epoch = AnyEpoch(id);
    ExpectMutation(kvsift::Release(*test_.engine, id, epoch), model_.Release(id, epoch));
  }

  void CheckState() {
    EXPECT_EQ(test_.free_bytes(), model_.free_pages() * kSmallPageBytes);
    const auto infos = *test_.engine->ListSequences("s", {}, 100);
    ASSERT_EQ(infos.size(), model_.sequences().size());
    size_t i = 0;
    int64_t positions = 0;
    for (const auto& [id, sequence] : model_.sequences()) {
      positions += std::max(sequence.Length(0), sequence.Length(1));
      const SequenceInfo& info = infos[i++];
      EXPECT_EQ(info.id, id);
      EXPECT_EQ(info.epoch, sequence.epoch);
      EXPECT_EQ(info.lengths, (std::vector{sequence.Length(0), sequence.Length(1)}));
      EXPECT_EQ(info.pages, std::ssize(sequence.pages));
    }
    EXPECT_EQ(test_.engine->GetStore("s")->positions, positions);
  }

  struct ForkSpec {
    uint64_t parent = 0;
    uint64_t child = 0;
    int64_t length = 0;
  };

  std::mt19937 random_;
  EngineUnderTest test_;
  EngineModel model_;
  std::vector<ForkSpec> forks_;
  std::map<StatusCode, int> seen_;
};

class EngineModelTest : public testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(AllBackends, EngineModelTest, testing::ValuesIn(EngineBackends()),
                         [](const auto& of) { return of.param; });

TEST_P(EngineModelTest, AgreesOnRandomOperations) {
  std::map<StatusCode, int> seen;
  for (uint32_t seed = first_seed; seed < first_seed + seeds && !HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    ModelRun run(GetParam(), seed);
    run.Run();
    for (const auto& [code, count] : run.seen()) seen[code] += count;
  }
  // The runs must have been through everything that can happen.
  for (const StatusCode code :
       {StatusCode::kOk, StatusCode::kAborted, StatusCode::kFailedPrecondition,
        StatusCode::kResourceExhausted, StatusCode::kNotFound, StatusCode::kOutOfRange,
        StatusCode::kInvalidArgument, StatusCode::kAlreadyExists}) {
    EXPECT_GT(seen[code], 0) << absl::StatusCodeToString(code);
  }
}

}  // namespace
}  // namespace kvsift

int main(int argc, char** argv) {
  testing::InitGoogleMock(&argc, argv);
  for (int i = 1; i + 1 < argc; i += 2) {
    const int64_t value = std::atoll(argv[i + 1]);
    if (std::strcmp(argv[i], "--operations") == 0) kvsift::operations = value;
    if (std::strcmp(argv[i], "--seeds") == 0) kvsift::seeds = static_cast<uint32_t>(value);
    if (std::strcmp(argv[i], "--first-seed") == 0) {
      kvsift::first_seed = static_cast<uint32_t>(value);
    }
  }
  return RUN_ALL_TESTS();
}
