// A pool answers as one server does, whoever has the sequences.
#include "kvsift/pool.h"

#include <atomic>
#include <future>
#include <set>
#include <thread>

#include "gmock/gmock.h"
#include "tests/client/pool/pool_fixture.h"

namespace kvsift {
namespace {

using testing::Each;
using testing::HasSubstr;
using testing::SizeIs;

constexpr uint64_t kSequences = 30;

TEST_F(PoolTest, ATargetThatIsNoneIsRefused) {
  for (const char* target : {"", "nowhere", "127.0.0.1:1,,127.0.0.1:2"}) {
    const auto pool = Pool::Connect(target, {}, Soon());
    EXPECT_TRUE(absl::IsInvalidArgument(pool.status())) << pool.status();
  }
}

TEST_F(PoolTest, APoolWithoutMembersSaysWhatEachOfThemSaid) {
  const std::string address = AddServer();
  Kill(address);
  const auto pool = Pool::Connect(address, {}, Soon());
  ASSERT_TRUE(absl::IsUnavailable(pool.status())) << pool.status();
  EXPECT_THAT(std::string(pool.status().message()), HasSubstr(address));
}

TEST_F(PoolTest, ABatchOverAllMembersIsAnsweredAsByOne) {
  Open(3, Provider(), Options());
  AppendSequences(kSequences);
  std::set<std::string> places;
  for (uint64_t id = 1; id <= kSequences; ++id) places.insert(PlaceOf(id));
  EXPECT_THAT(places, SizeIs(3));
  ExpectRight(kSequences);
  EXPECT_EQ(pool_->Counts().moved_sequences, 0);
}

TEST_F(PoolTest, AnAppendOfManySequencesIsSplit) {
  Open(3, Provider(), Options());
  std::vector<float> keys;
  client::AppendRequest request;
  for (const int32_t layer : {2, 5}) {
    for (uint64_t id = 1; id <= kSequences; ++id) {
      for (int64_t position = 0; position < 3; ++position) {
        const std::vector<float> key = PoolKey(id, layer, position);
        keys.insert(keys.end(), key.begin(), key.end());
      }
    }
  }
  std::vector<client::AppendEntry> entries;
  for (uint64_t id = 1; id <= kSequences; ++id) entries.push_back({id, 0, 3, {}});
  entries[4].start = 9;  // a gap
  request = SampleAppend(keys, entries);
  const auto result = pool_->Append(store_, request, Soon());
  ASSERT_TRUE(result.ok()) << result.status();
  ASSERT_THAT(result->errors, SizeIs(1));
  EXPECT_EQ(result->errors[0].entry, 4);
  EXPECT_TRUE(absl::IsFailedPrecondition(result->errors[0].status));
  EXPECT_EQ(result->lengths[3], 3);
  EXPECT_EQ(result->lengths[4], 0);
  EXPECT_NE(result->epochs[3], 0u);
}

TEST_F(PoolTest, AnEntrysTroubleIsItsOwn) {
  Open(3, Provider(), Options());
  AppendSequences(kSequences);
  client::SelectRequest request = SelectAll(kSequences);
  request.entries[5].sequence_id = 999;
  const auto got = pool_->Select(store_, request, Soon());
  const auto expected = reference_->Select(store_, request, Soon());
  ASSERT_TRUE(got.ok()) << got.status();
  ASSERT_THAT(got->errors, SizeIs(1));
  EXPECT_EQ(got->errors[0].entry, 5);
  EXPECT_EQ(got->errors[0].status.code(), expected->errors[0].status.code());
  EXPECT_EQ(got->positions, expected->positions);
}

TEST_F(PoolTest, WhatIsWrongWithARequestIsSaidAsAClientSaysIt) {
  Open(2, Provider(), Options());
  AppendSequences(2);
  client::SelectRequest request = SelectAll(2);
  request.queries.vectors.bytes = request.queries.vectors.bytes.first(8);
  const auto got = pool_->Select(store_, request, Soon());
  const auto expected = reference_->Select(store_, request, Soon());
  EXPECT_EQ(got.status().ToString(), expected.status().ToString());
  request = SelectAll(2, 3);
  EXPECT_TRUE(absl::IsNotFound(pool_->Select(store_, request, Soon()).status()));
  request = SelectAll(2);
  request.queries.policies[0].k = 0;
  EXPECT_TRUE(absl::IsInvalidArgument(pool_->Select(store_, request, Soon()).status()));
  client::Store other = store_;
  other.config.name = "other";
  EXPECT_TRUE(absl::IsNotFound(pool_->Select(other, SelectAll(2), Soon()).status()));
}

TEST_F(PoolTest, StepsOfManySequencesGrowThem) {
  Open(3, Provider(), Options());
  AppendSequences(kSequences);
  for (int64_t position = kPoolTokens; position < kPoolTokens + 3; ++position) {
    for (const int32_t layer : {2, 5}) {
      std::vector<float> keys;
      client::StepRequest step;
      step.layer_id = layer;
      for (uint64_t id = 1; id <= kSequences; ++id) {
        const std::vector<float> key = PoolKey(id, layer, position);
        keys.insert(keys.end(), key.begin(), key.end());
        step.entries.push_back({.sequence_id = id, .start = position});
      }
      step.keys = client::Float32Vectors(keys);
      step.queries = SelectAll(kSequences).queries;
      const auto got = pool_->Step(store_, step, Soon());
      const auto expected = reference_->Step(store_, step, Soon());
      ASSERT_TRUE(got.ok() && got->ok()) << got.status();
      EXPECT_EQ(got->positions, expected->positions);
      EXPECT_THAT(got->lengths, Each(position + 1));
    }
  }
  ExpectRight(kSequences);
}

TEST_F(PoolTest, AsynchronousCallsKeepNothingOfTheCallers) {
  Open(2, Provider(), Options());
  AppendSequences(kSequences);
  const auto expected = reference_->Select(store_, SelectAll(kSequences), Soon());
  std::promise<absl::StatusOr<client::SelectionResult>> promise;
  {
    const client::SelectRequest request = SelectAll(kSequences);
    pool_->SelectAsync(store_, request, Soon(),
                       [&](auto result) { promise.set_value(std::move(result)); });
    std::fill(queries_.begin(), queries_.end(), 0.0f);
  }
  const auto got = promise.get_future().get();
  ASSERT_TRUE(got.ok() && got->ok()) << got.status();
  EXPECT_EQ(got->positions, expected->positions);
}

TEST_F(PoolTest, ForksLiveWithTheirParent) {
  Open(3, Provider(), Options());
  AppendSequences(1);
  for (uint64_t child = 2; child <= 9; ++child) {
    const auto forked = pool_->Fork(kPoolStore, child - 1, child, 40, {}, Soon());
    ASSERT_TRUE(forked.ok()) << forked.status();
    EXPECT_EQ(PlaceOf(child), PlaceOf(1));
  }
  const auto sequence = pool_->GetSequence(kPoolStore, 9, Soon());
  ASSERT_TRUE(sequence.ok()) << sequence.status();
  EXPECT_EQ(sequence->layers[0].length, 40);
}

TEST_F(PoolTest, AnotherPoolFindsForksWhereTheyAre) {
  Open(3, {}, Options());
  AppendSequences(1);
  for (uint64_t child = 2; child <= 9; ++child) {
    ASSERT_TRUE(pool_->Fork(kPoolStore, 1, child, 40, {}, Soon()).ok());
  }
  const std::string place = PlaceOf(1);
  Reopen({}, Options());
  for (uint64_t child = 2; child <= 9; ++child) {
    const auto sequence = pool_->GetSequence(kPoolStore, child, Soon());
    ASSERT_TRUE(sequence.ok()) << sequence.status();
    EXPECT_EQ(sequence->layers[1].length, 40);
    EXPECT_EQ(PlaceOf(child), place);
  }
  EXPECT_TRUE(absl::IsNotFound(pool_->GetSequence(kPoolStore, 77, Soon()).status()));
}

TEST_F(PoolTest, TruncationAndReleaseReachTheMember) {
  Open(3, Provider(), Options());
  AppendSequences(kSequences);
  for (uint64_t id = 1; id <= kSequences; ++id) {
    const auto cut = pool_->Truncate(kPoolStore, id, 30, {}, Soon());
    ASSERT_TRUE(cut.ok()) << cut.status();
    ASSERT_TRUE(reference_->Truncate(kPoolStore, id, 30, {}, Soon()).ok());
  }
  ExpectRight(kSequences);
  const auto store = pool_->GetStore(kPoolStore, Soon());
  ASSERT_TRUE(store.ok()) << store.status();
  EXPECT_EQ(store->sequences, static_cast<int64_t>(kSequences));
  for (uint64_t id = 1; id <= kSequences; ++id) {
    EXPECT_TRUE(pool_->Release(kPoolStore, id, {}, Soon()).ok());
  }
  EXPECT_EQ(pool_->GetStore(kPoolStore, Soon())->sequences, 0);
  EXPECT_TRUE(absl::IsNotFound(pool_->Release(kPoolStore, 1, {}, Soon())));
  EXPECT_TRUE(pool_->DeleteStore(kPoolStore, Soon()).ok());
  EXPECT_TRUE(absl::IsNotFound(pool_->GetStore(kPoolStore, Soon()).status()));
}

TEST_F(PoolTest, TwoAddressesOfOneServerAreOneMember) {
  const std::string address = AddServer();
  const std::string port = address.substr(address.rfind(':'));
  {
    const std::lock_guard lock(mutex_);
    listed_.push_back("localhost" + port);
  }
  Reopen(Provider(), Options());
  AwaitServing(1);
  ASSERT_THAT(pool_->Members(), SizeIs(2));
  AppendSequences(kSequences);
  ExpectRight(kSequences);
}

}  // namespace
}  // namespace kvsift
