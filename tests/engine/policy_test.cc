// What goes into which batch: joining, turns of clients, pieces, the bounded queue, deadlines and
// cancellation. Over a backend that completes batches when the test says so.
#include <atomic>
#include <memory>
#include <utility>
#include <vector>

#include "server/engine/scheduler.h"
#include "tests/engine/engine_test.h"
#include "tests/engine/manual_backend.h"

namespace kvsift {
namespace {

using ::absl::StatusCode;
using ::testing::HasSubstr;

class CountingObserver final : public EngineObserver {
 public:
  void OnStarted(std::chrono::nanoseconds waited) override { starts.push_back(waited); }
  void OnBatch(const BatchReport& report) override { batches.push_back(report); }

  std::vector<std::chrono::nanoseconds> starts;
  std::vector<BatchReport> batches;
};

class PolicyTest : public testing::Test {
 protected:
  // 64 positions of one layer, 2048 bytes, take kPieceTime; 256 scores take it, too.
  static constexpr Pace kPace = {.key_bytes_per_us = 2048 / Scheduler::kPieceTime.count() + 1,
                                 .scores_per_us = 3};

  PolicyTest() { Start({}); }

  void Start(EngineLimits limits, DeviceSharing sharing = DeviceSharing::kMps) {
    auto backend = std::make_unique<ManualBackend>(int64_t{1} << 20, kPace, sharing);
    backend_ = backend.get();
    EngineOptions options;
    options.backends.push_back(std::move(backend));
    options.limits = limits;
    options.now = [this] { return now_; };
    options.observer = &observer_;
    engine_ = std::make_unique<Engine>(std::move(options));
    ASSERT_TRUE(engine_->CreateStore(SmallConfig()).ok());
  }

  StepSpec AppendSpec(uint64_t id, int64_t start, int64_t count) {
    return {.layer_ids = {3},
            .entries = {{.id = id, .start = start, .keys = {RandomKeys(random_, count)}}},
            .client = id};
  }
  StepSpec SelectSpec(uint64_t id, int64_t tokens = 1) {
    const Queries queries = RandomQueries(random_, Estimator::kManhattan, tokens);
    return {.layer_ids = {3},
            .entries = {{.id = id, .queries = queries.codes, .tokens = tokens}},
            .policies = {kPolicy},
            .client = id};
  }
  std::unique_ptr<PendingStep> Go(StepSpec spec) {
    return std::make_unique<PendingStep>(*engine_, std::move(spec));
  }
  // Gives the device as much as it takes at once but for `free` batches: selections of sequence 1.
  void Occupy(int free = 0) {
    for (int i = free; i < Scheduler::kGpuBatches; ++i) {
      busy_.push_back(Go(SelectSpec(1, kManyTokens)));
    }
  }
  // The same for quick works. REQUIRES: it is occupied.
  void OccupyForQuick() {
    for (int i = 0; i < Scheduler::kQuickBatches; ++i) busy_.push_back(Go(SelectSpec(1)));
  }
  ~PolicyTest() override {
    backend_->CompleteAll();
    for (const auto& step : busy_) EXPECT_TRUE(step->Wait().status.ok());
  }

  // Sequences 1 to `count` of 8 positions.
  void Fill(uint64_t count) {
    for (uint64_t id = 1; id <= count; ++id) {
      const auto append = Go(AppendSpec(id, 0, 8));
      backend_->CompleteAll();
      ASSERT_TRUE(append->Wait().entries[0].status.ok());
    }
    observer_.starts.clear();
    observer_.batches.clear();
  }

  static constexpr int64_t kManyTokens = 5;  // whose selection is not quick
  static constexpr Policy kPolicy = {.k = 8, .estimator = Estimator::kManhattan};

  Clock::time_point now_{std::chrono::seconds(1)};
  CountingObserver observer_;
  ManualBackend* backend_ = nullptr;
  std::unique_ptr<Engine> engine_;
  std::mt19937 random_{3};
  std::vector<std::unique_ptr<PendingStep>> busy_;
};

TEST_F(PolicyTest, NothingWaitsWhileTheDeviceHasRoomAndTheRestIsJoined) {
  Fill(5);
  Occupy();
  ASSERT_EQ(backend_->waiting(), Scheduler::kGpuBatches);
  EXPECT_EQ(backend_->batch(0).selections.size(), 1u);
  std::vector<std::unique_ptr<PendingStep>> steps;
  for (uint64_t id = 2; id <= 5; ++id) steps.push_back(Go(SelectSpec(id, kManyTokens)));
  ASSERT_EQ(backend_->waiting(), Scheduler::kGpuBatches);
  backend_->CompleteOne();
  ASSERT_EQ(backend_->waiting(), Scheduler::kGpuBatches);
  EXPECT_EQ(backend_->batch(Scheduler::kGpuBatches - 1).selections.size(), 4u)
      << "all that waited, in one batch";
  EXPECT_TRUE(busy_[0]->done()) << "though the device is busy again";
  backend_->CompleteAll();
  for (const auto& step : steps) EXPECT_TRUE(step->Wait().entries[0].status.ok());
}

TEST_F(PolicyTest, AProcessorHasFewerBatchesUnderWay) {
  Start({}, DeviceSharing::kNotShared);
  Fill(1);
  Occupy();
  EXPECT_EQ(backend_->waiting(), Scheduler::kHostBatches);
  backend_->CompleteAll();
}

TEST_F(PolicyTest, QuickWorksDoNotWaitForBatches) {
  Fill(5);
  Occupy();
  std::vector<std::unique_ptr<PendingStep>> quick;
  for (uint64_t id = 2; id <= 5; ++id) quick.push_back(Go(SelectSpec(id)));
  const int most = Scheduler::kGpuBatches + Scheduler::kQuickBatches;
  ASSERT_EQ(backend_->waiting(), most) << "and no more";
  EXPECT_EQ(backend_->batch(most - 1).selections.size(), 1u);
  backend_->Complete(Scheduler::kGpuBatches);
  EXPECT_TRUE(quick[0]->done()) << "before those who came first";
  ASSERT_EQ(backend_->waiting(), most);
  EXPECT_EQ(backend_->batch(most - 1).selections.size(), 2u) << "joined";
  backend_->CompleteAll();
}

TEST_F(PolicyTest, QuickWorksPassOthersAndTakeNoPlaceOfTheirs) {
  Fill(3);
  Occupy();
  const auto large = Go(SelectSpec(2, kManyTokens));
  OccupyForQuick();
  ASSERT_EQ(backend_->waiting(), Scheduler::kGpuBatches + Scheduler::kQuickBatches);
  backend_->CompleteOne();
  ASSERT_EQ(backend_->waiting(), Scheduler::kGpuBatches + Scheduler::kQuickBatches)
      << "the large one is under way though as many quick ones are";
  const auto quick = Go(SelectSpec(3));
  EXPECT_EQ(backend_->waiting(), Scheduler::kGpuBatches + Scheduler::kQuickBatches);
  backend_->CompleteAll();
}

TEST_F(PolicyTest, ReportsTellWhatWasDoneAndHowLongItWaited) {
  Fill(3);
  Occupy();
  const auto last = Go(SelectSpec(3, kManyTokens));
  now_ += std::chrono::milliseconds(5);
  backend_->CompleteOne();
  std::vector<std::chrono::nanoseconds> waited(Scheduler::kGpuBatches);
  waited.push_back(std::chrono::milliseconds(5));
  EXPECT_EQ(observer_.starts, waited);
  ASSERT_EQ(observer_.batches.size(), 1u);
  EXPECT_EQ(observer_.batches[0].works, 1);
  EXPECT_EQ(observer_.batches[0].selections, 1);
  EXPECT_EQ(observer_.batches[0].rows, 4 * kManyTokens);
  EXPECT_EQ(observer_.batches[0].keys_scanned, (4 + 5 + 6 + 7 + 8) * 2);
  EXPECT_EQ(observer_.batches[0].device_time, std::chrono::milliseconds(5));
  const auto append = Go(AppendSpec(1, 8, 10));
  backend_->CompleteAll();
  append->Wait();
  EXPECT_EQ(observer_.batches.back().keys_written, 10 * 2);
  EXPECT_EQ(observer_.batches.back().key_bytes, 10 * kSmallKeyBytes);
}

// A client with many steps and one with a single one, behind a busy device.
TEST_F(PolicyTest, AClientThatFloodsWaitsForItself) {
  Fill(2);
  std::vector<std::unique_ptr<PendingStep>> flood;
  // Each selection takes about as long as a fifth of a batch.
  for (int i = 0; i < 40; ++i) flood.push_back(Go(SelectSpec(1, 8)));
  const auto single = Go(SelectSpec(2));
  int completed = 0;
  while (!single->done()) {
    backend_->CompleteOne();
    ++completed;
  }
  EXPECT_LE(completed, Scheduler::kGpuBatches + 1) << "those in flight when it came, and the next";
  int waiting = 0;
  for (const auto& step : flood) waiting += !step->done();
  EXPECT_GT(waiting, 20);
  backend_->CompleteAll();
  for (const auto& step : flood) step->Wait();
}

TEST_F(PolicyTest, AHugeAppendGoesInPiecesAndOthersPass) {
  Fill(2);
  const Bytes keys = RandomKeys(random_, 64 * 40);
  StepSpec huge = AppendSpec(9, 0, 0);
  huge.entries[0].keys = {keys};
  Occupy(2);
  const auto other = Go(AppendSpec(8, 0, 64 * 40));
  const auto append = Go(std::move(huge));
  const auto select = Go(SelectSpec(2));
  int completed = 0;
  while (!select->done()) {
    backend_->CompleteOne();
    ++completed;
  }
  EXPECT_LE(completed, Scheduler::kGpuBatches + 1);
  EXPECT_FALSE(append->done());
  EXPECT_EQ(engine_->GetSequence("s", 9).status().code(), StatusCode::kNotFound)
      << "nobody sees a part of it";
  int pieces = 0;
  while (!append->done()) {
    for (int64_t i = 0; i < backend_->waiting(); ++i) {
      for (const KeyWrite& write : backend_->batch(i).writes) {
        EXPECT_TRUE(write.start % 64 == 0 && (write.count % 64 == 0)) << "whole pages";
      }
    }
    backend_->CompleteOne();
    ++pieces;
  }
  EXPECT_GT(pieces, 5);
  backend_->CompleteAll();
  other->Wait();
  EXPECT_EQ(append->Wait().entries[0].length, 64 * 40);
  StepSpec digest = SelectSpec(9);
  const Queries query = {.codes = digest.entries[0].queries, .scales = {}};
  const auto got = Go(std::move(digest));
  backend_->CompleteAll();
  EXPECT_EQ(got->Wait().positions,
            Expected(SmallConfig(), 0, keys, kPolicy, query, {64 * 40}, kPolicy.k).positions);
}

TEST_F(PolicyTest, ManyQueryTokensGoInPiecesAndTheAnswerIsTheSame) {
  const Bytes keys = RandomKeys(random_, 200);
  StepSpec fill = AppendSpec(1, 0, 0);
  fill.entries[0].keys = {keys};
  const auto append = Go(std::move(fill));
  backend_->CompleteAll();
  append->Wait();
  const auto busy = Go(AppendSpec(2, 0, 64 * 40));
  StepSpec spec = SelectSpec(1, 50);
  const Queries queries = {.codes = spec.entries[0].queries, .scales = {}};
  const auto select = Go(std::move(spec));
  int batches = 0;
  while (!select->done()) {
    backend_->CompleteOne();
    ++batches;
  }
  EXPECT_GT(batches, 5);
  backend_->CompleteAll();
  busy->Wait();
  std::vector<int64_t> visible;
  for (int64_t t = 0; t < 50; ++t) visible.push_back(DefaultVisibleLength(200, t, 50));
  EXPECT_EQ(select->Wait().positions,
            Expected(SmallConfig(), 0, keys, kPolicy, queries, visible, 8).positions);
}

TEST_F(PolicyTest, AFullQueueRefusesAtOnceAndServesAgainWhenThereIsRoom) {
  EngineLimits limits;
  limits.max_queued_requests = 3;
  Start(limits);
  Fill(1);
  std::vector<std::unique_ptr<PendingStep>> steps;
  for (int i = 0; i < 3; ++i) steps.push_back(Go(SelectSpec(1)));
  EXPECT_EQ(engine_->Queue().requests, 3);
  const StepOutcome refused = Go(SelectSpec(1))->Wait();
  EXPECT_EQ(refused.status.code(), StatusCode::kUnavailable);
  EXPECT_THAT(std::string(refused.status.message()), HasSubstr("at most 3"));
  bool told = false;
  engine_->Release("s", 1, {}, [&](const MutationResult& result) {
    told = true;
    EXPECT_EQ(result.status.code(), StatusCode::kUnavailable);
  });
  EXPECT_TRUE(told);
  backend_->CompleteAll();
  for (const auto& step : steps) EXPECT_TRUE(step->Wait().status.ok());
  EXPECT_EQ(engine_->Queue().requests, 0);
  EXPECT_EQ(engine_->Queue().bytes, 0);
  const auto again = Go(SelectSpec(1));
  backend_->CompleteAll();
  EXPECT_TRUE(again->Wait().status.ok());
}

TEST_F(PolicyTest, BytesAreBoundedButOneRequestAloneMayHaveAnySize) {
  EngineLimits limits;
  limits.max_queued_bytes = 10'000;
  Start(limits);
  const auto large = Go(AppendSpec(1, 0, 1000));
  EXPECT_GT(engine_->Queue().bytes, 10'000);
  EXPECT_EQ(Go(AppendSpec(2, 0, 1))->Wait().status.code(), StatusCode::kUnavailable);
  backend_->CompleteAll();
  EXPECT_TRUE(large->Wait().status.ok());
}

TEST_F(PolicyTest, ExpiredWorkIsNotExecuted) {
  Fill(4);
  Occupy();
  OccupyForQuick();
  StepSpec spec = AppendSpec(3, 8, 1);
  spec.deadline = now_ + std::chrono::milliseconds(3);
  const auto late = Go(std::move(spec));
  spec = AppendSpec(4, 8, 1);
  spec.deadline = now_ + std::chrono::milliseconds(9);
  const auto timely = Go(std::move(spec));
  now_ += std::chrono::milliseconds(5);
  backend_->CompleteAll();
  EXPECT_EQ(late->Wait().status.code(), StatusCode::kDeadlineExceeded);
  EXPECT_TRUE(timely->Wait().status.ok());
  EXPECT_EQ(engine_->GetSequence("s", 3)->lengths[0], 8);
  EXPECT_EQ(engine_->GetSequence("s", 4)->lengths[0], 9);
}

TEST_F(PolicyTest, CancelledWorkIsNotExecuted) {
  Fill(3);
  std::atomic<bool> cancelled = false;
  const auto first = Go(AppendSpec(1, 8, 1));
  StepSpec spec = AppendSpec(1, 9, 1);  // waits for its turn
  spec.cancelled = &cancelled;
  const auto waiting = Go(std::move(spec));
  cancelled = true;
  backend_->CompleteAll();
  EXPECT_EQ(waiting->Wait().status.code(), StatusCode::kCancelled);
  EXPECT_TRUE(first->Wait().status.ok());
  EXPECT_EQ(engine_->GetSequence("s", 1)->lengths[0], 9);
}

}  // namespace
}  // namespace kvsift
