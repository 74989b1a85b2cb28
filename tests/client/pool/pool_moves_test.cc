// Members come and go; sequences move, and no answer is wrong.
#include <atomic>
#include <cstddef>
#include <future>
#include <memory>
#include <span>
#include <thread>

#include "gmock/gmock.h"
#include "kvsift/pool.h"
#include "tests/client/pool/pool_fixture.h"

namespace kvsift {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

constexpr uint64_t kSequences = 30;

TEST_F(PoolTest, SequencesOfALostMemberAreBroughtToOthers) {
  Open(3, Provider(), Options());
  AppendSequences(kSequences);
  const std::string lost = PlaceOf(1);
  const int64_t affected = CountAt(lost, kSequences);
  Kill(lost);
  ExpectRight(kSequences);
  EXPECT_EQ(pool_->Counts().moved_sequences, affected);
  EXPECT_EQ(pool_->Counts().moved_positions, affected * 2 * kPoolTokens);
  ExpectRight(kSequences);
  EXPECT_EQ(pool_->Counts().moved_sequences, affected);
}

TEST_F(PoolTest, AppendsAndStepsMoveSequencesToo) {
  Open(3, Provider(), Options());
  AppendSequences(kSequences);
  Kill(PlaceOf(1));
  for (uint64_t id = 1; id <= kSequences; ++id) AppendTo(id, kPoolTokens, 5);
  ExpectRight(kSequences);
}

TEST_F(PoolTest, LayersOfDifferentLengthsAreBroughtAsTheyWere) {
  Open(2, Provider(), Options());
  AppendSequences(kSequences);
  for (uint64_t id = 1; id <= kSequences; ++id) {
    const std::vector<float> key = PoolKey(id, 5, kPoolTokens);
    client::AppendRequest request = SampleAppend(key, {{id, kPoolTokens, 1, {}}});
    request.layer_ids = {5};
    ASSERT_TRUE(pool_->Append(store_, request, Soon())->ok());
    ASSERT_TRUE(reference_->Append(store_, request, Soon())->ok());
  }
  Kill(PlaceOf(1));
  ExpectRight(kSequences);
}

TEST_F(PoolTest, AMemberThatJoinsTakesItsShareAndOldCopiesGo) {
  Open(2, Provider(), Options());
  AppendSequences(kSequences);
  const std::string joined = AddServer();
  AwaitServing(3);
  ExpectRight(kSequences);
  const int64_t moved = CountAt(joined, kSequences);
  EXPECT_EQ(pool_->Counts().moved_sequences, moved);
  EXPECT_GT(moved, 0);
  EXPECT_EQ(HeldAt(joined), moved);
  pool_.reset();  // has ended what it does beside calls
  int64_t held = 0;
  for (const auto& [address, server] : servers_) held += HeldAt(address);
  EXPECT_EQ(held, static_cast<int64_t>(kSequences));
}

// Sequences hold their store, which holds the keys' provider, and their members with their clients.
TEST_F(PoolTest, LetsGoOfStoresAndSequencesAtItsEnd) {
  const auto token = std::make_shared<int>();
  {
    client::KeyProvider keys = Provider();
    keys.read = [token, read = keys.read](const client::KeyRange& range, std::span<std::byte> out) {
      return read(range, out);
    };
    Open(1, std::move(keys), Options());
  }
  AppendSequences(kSequences);
  EXPECT_GT(token.use_count(), 1);
  pool_.reset();
  EXPECT_EQ(token.use_count(), 1);
}

TEST_F(PoolTest, WithoutRebalancingSequencesStay) {
  client::PoolOptions options = Options();
  options.rebalance = false;
  Open(2, Provider(), options);
  AppendSequences(kSequences);
  const std::string joined = AddServer();
  AwaitServing(3);
  ExpectRight(kSequences);
  EXPECT_EQ(pool_->Counts().moved_sequences, 0);
  EXPECT_EQ(HeldAt(joined), 0);
}

TEST_F(PoolTest, AMemberThatLeavesTheListIsLeft) {
  Open(3, Provider(), Options());
  AppendSequences(kSequences);
  const std::string left = PlaceOf(1);
  Unlist(left);
  AwaitServing(2);
  ExpectRight(kSequences);
  EXPECT_EQ(CountAt(left, kSequences), 0);
  pool_.reset();
  EXPECT_EQ(HeldAt(left), 0);
}

TEST_F(PoolTest, AMemberThatDrainsGetsNoSequences) {
  Open(3, Provider(), Options());
  AppendSequences(kSequences);
  const std::string drained = PlaceOf(1);
  EXPECT_TRUE(servers_.at(drained)->server().Shutdown());
  ExpectRight(kSequences);
  AppendTo(kSequences + 1, 0, kPoolTokens);
  EXPECT_EQ(CountAt(drained, kSequences + 1), 0);
}

TEST_F(PoolTest, WithoutAProviderACallerIsToldOnceToAppendAgain) {
  Open(3, {}, Options());
  AppendSequences(kSequences);
  const std::string lost = PlaceOf(1);
  Kill(lost);
  AwaitServing(2);
  const client::SelectRequest request = SelectAll(1);
  const auto told = pool_->Select(store_, request, Soon());
  ASSERT_TRUE(told.ok()) << told.status();
  ASSERT_THAT(told->errors, SizeIs(1));
  EXPECT_TRUE(absl::IsFailedPrecondition(told->errors[0].status));
  EXPECT_THAT(std::string(told->errors[0].status.message()), HasSubstr("append its keys again"));
  EXPECT_EQ(told->errors[0].length, 0);
  AppendTo(1, 0, kPoolTokens);
  ExpectRight(1);
}

TEST_F(PoolTest, AMovedSequenceThatIsAppendedInPartIsNotSelectedFrom) {
  Open(2, {}, Options());
  AppendSequences(1);
  Kill(PlaceOf(1));
  AwaitServing(1);
  AppendTo(1, 0, 30);  // begins anew without having been told
  const auto missing = pool_->Select(store_, SelectAll(1), Soon());
  ASSERT_TRUE(missing.ok()) << missing.status();
  ASSERT_THAT(missing->errors, SizeIs(1));
  EXPECT_TRUE(absl::IsFailedPrecondition(missing->errors[0].status));
  EXPECT_EQ(missing->errors[0].length, 30);
  AppendTo(1, 30, kPoolTokens - 30);
  ExpectRight(1);
}

TEST_F(PoolTest, ASequenceThatAnotherClientReleasedIsBroughtBack) {
  Open(2, Provider(), Options());
  AppendSequences(2);
  ASSERT_TRUE(Connected(PlaceOf(1))->Release(kPoolStore, 1, {}, Soon()).ok());
  ASSERT_TRUE(Connected(PlaceOf(2))->Truncate(kPoolStore, 2, 11, {}, Soon()).ok());
  ExpectRight(2);
  EXPECT_EQ(pool_->Counts().moved_sequences, 2);
}

TEST_F(PoolTest, AStoreThatAMemberLostIsCreatedAgain) {
  Open(2, Provider(), Options());
  AppendSequences(2);
  for (const auto& [address, server] : servers_) {
    ASSERT_TRUE(Connected(address)->DeleteStore(kPoolStore, Soon()).ok());
  }
  ExpectRight(2);
  AppendTo(3, 0, kPoolTokens);
  ExpectRight(3);
}

TEST_F(PoolTest, ForksMoveWithTheirRoot) {
  Open(3, Provider(), Options());
  AppendSequences(1);
  const client::KeyProvider keys = Provider();
  // The children's keys are the provider's, so they are appended, not forked, in the oracle.
  ASSERT_TRUE(pool_->Fork(kPoolStore, 1, 2, 0, {}, Soon()).ok());
  ASSERT_TRUE(pool_->Fork(kPoolStore, 2, 3, 0, {}, Soon()).ok());
  AppendTo(2, 0, kPoolTokens);
  AppendTo(3, 0, kPoolTokens);
  EXPECT_EQ(PlaceOf(3), PlaceOf(1));
  Kill(PlaceOf(1));
  ExpectRight(3);
  EXPECT_EQ(PlaceOf(2), PlaceOf(1));
  EXPECT_EQ(PlaceOf(3), PlaceOf(1));
}

TEST_F(PoolTest, AProvidersErrorIsTheCalls) {
  client::KeyProvider keys = Provider();
  keys.read = [](const client::KeyRange& range, std::span<std::byte>) {
    return absl::DataLossError("no keys of " + std::to_string(range.sequence_id));
  };
  Open(2, keys, Options());
  AppendSequences(1);
  Kill(PlaceOf(1));
  const auto got = pool_->Select(store_, SelectAll(1), Soon());
  EXPECT_EQ(got.status().code(), absl::StatusCode::kDataLoss) << got.status();
  EXPECT_THAT(std::string(got.status().message()), HasSubstr("no keys of 1"));
}

TEST_F(PoolTest, WithoutMembersCallsWaitForOneUntilTheirDeadline) {
  Open(1, Provider(), Options());
  AppendSequences(1);
  Kill(PlaceOf(1));
  const auto late = pool_->Select(store_, SelectAll(1), absl::Now() + absl::Milliseconds(200));
  EXPECT_TRUE(absl::IsDeadlineExceeded(late.status())) << late.status();
  std::thread adds([this] { AddServer(); });
  ExpectRight(1);
  adds.join();
}

TEST_F(PoolTest, ACallerThatSendsOnceIsToldAtOnce) {
  client::PoolOptions options = Options();
  options.client.attempts = 1;
  Open(1, Provider(), options);
  AppendSequences(1);
  Kill(PlaceOf(1));
  EXPECT_TRUE(absl::IsUnavailable(pool_->Select(store_, SelectAll(1), Soon()).status()));
}

TEST_F(PoolTest, StepsUnderWayKeepTheirOrderWhileTheirSequenceMoves) {
  Open(2, Provider(), Options());
  AppendSequences(1);
  constexpr int64_t kSteps = 60;
  using Answer = absl::StatusOr<client::SelectionResult>;
  std::vector<std::promise<Answer>> answers(kSteps);
  const client::QueryBatch queries = SelectAll(1).queries;
  const auto step_at = [&](const std::vector<float>& key, int64_t position) {
    client::StepRequest step;
    step.layer_id = 2;
    step.entries = {{.sequence_id = 1, .start = position}};
    step.keys = client::Float32Vectors(key);
    step.queries = queries;
    return step;
  };
  for (int64_t i = 0; i < kSteps; ++i) {
    const std::vector<float> key = PoolKey(1, 2, kPoolTokens + i);
    pool_->StepAsync(store_, step_at(key, kPoolTokens + i), Soon(),
                     [&answers, i](Answer answer) { answers[i].set_value(std::move(answer)); });
    if (i == kSteps / 2) Kill(PlaceOf(1));
  }
  for (int64_t i = 0; i < kSteps; ++i) {
    const Answer got = answers[i].get_future().get();
    const std::vector<float> key = PoolKey(1, 2, kPoolTokens + i);
    const auto expected = reference_->Step(store_, step_at(key, kPoolTokens + i), Soon());
    ASSERT_TRUE(got.ok() && got->ok()) << i << ": " << got.status();
    ASSERT_EQ(got->positions, expected->positions) << i;
    ASSERT_EQ(got->lengths[0], kPoolTokens + i + 1);
  }
  // In order, no step met a gap: the sequence was brought to the other member once.
  EXPECT_EQ(pool_->Counts().moved_sequences, 1);
}

// Callers of many threads, while members join, drain and die.
TEST_F(PoolTest, UnderLoadNoAnswerIsWrong) {
  Open(3, Provider(), Options());
  AppendSequences(kSequences);
  std::atomic<bool> ends = false;
  std::atomic<int> answers = 0;
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 4; ++caller) {
    callers.emplace_back([&] {
      const std::vector<float> queries = SampleElements(kSequences * 4 * 32, 9);
      client::SelectRequest request;
      request.layer_id = 2;
      for (uint64_t id = 1; id <= kSequences; ++id) request.entries.push_back({.sequence_id = id});
      request.queries.policies = {{.k = 20}};
      request.queries.vectors = client::Float32Vectors(queries);
      const auto expected = reference_->Select(store_, request, Soon());
      while (!ends) {
        const auto got = pool_->Select(store_, request, Soon());
        ASSERT_TRUE(got.ok()) << got.status();
        ASSERT_TRUE(got->ok()) << got->errors[0].status;
        ASSERT_EQ(got->positions, expected->positions);
        ++answers;
      }
    });
  }
  const auto await_answers = [&] {
    const int before = answers;
    for (int i = 0; i < 4000 && answers < before + 12; ++i) absl::SleepFor(absl::Milliseconds(5));
    EXPECT_GE(answers, before + 12);
  };
  await_answers();
  const std::string first = AddServer();
  AwaitServing(4);
  await_answers();
  servers_.at(PlaceOf(1))->server().Shutdown();
  await_answers();
  Kill(PlaceOf(2));
  await_answers();
  AddServer();
  Unlist(PlaceOf(3));
  await_answers();
  ends = true;
  for (std::thread& caller : callers) caller.join();
}

}  // namespace
}  // namespace kvsift
