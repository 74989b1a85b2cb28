#include "server/engine/fair_queue.h"

#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <random>
#include <vector>

namespace kvsift {
namespace {

class TestWork final : public Work {
 public:
  TestWork(uint64_t client, int number, bool only_appends, bool is_quick)
      : Work(client, only_appends), number_(number), is_quick_(is_quick) {}

  Progress Advance(PagePool&, BatchDraft&) override { return Progress::kDone; }
  bool IsQuick() const override { return is_quick_; }
  void OnBatchDone(const absl::Status&) override {}
  void Finish() override {}

  int number() const { return number_; }

 private:
  int number_;
  bool is_quick_;
};

class FairQueueTest : public testing::Test {
 protected:
  void Push(uint64_t client, bool only_appends = false, bool is_quick = false) {
    queue_.Push(
        works_.emplace_back(client, static_cast<int>(works_.size()), only_appends, is_quick));
  }
  void PushQuick(uint64_t client) { Push(client, false, true); }
  // The number of the next work, which takes `us`.
  int Pop(double us = 1) {
    const int number = static_cast<TestWork&>(queue_.Pop()).number();
    queue_.Charge(us);
    return number;
  }
  std::vector<int> PopAll() {
    std::vector<int> numbers;
    while (!queue_.empty()) numbers.push_back(Pop());
    return numbers;
  }

  FairQueue queue_;
  std::deque<TestWork> works_;
};

TEST_F(FairQueueTest, ClientsTakeTurnsAndKeepTheirOwnOrder) {
  for (const uint64_t client : {1, 1, 1, 2, 3, 3}) Push(client);
  EXPECT_EQ(PopAll(), (std::vector<int>{0, 3, 4, 1, 5, 2}));
}

TEST_F(FairQueueTest, QuickWorksCanBeTakenFirstAndElseTakeTurns) {
  for (int i = 0; i < 3; ++i) Push(1);
  EXPECT_FALSE(queue_.has_quick());
  PushQuick(1);
  PushQuick(2);
  PushQuick(2);
  EXPECT_EQ(Pop(), 0);
  EXPECT_EQ(Pop(), 3);
  EXPECT_TRUE(queue_.has_quick());
  EXPECT_EQ(static_cast<TestWork&>(queue_.PopQuick()).number(), 4);
  queue_.Charge(1);
  EXPECT_EQ(static_cast<TestWork&>(queue_.PopQuick()).number(), 5) << "before those who are behind";
  queue_.Charge(1);
  EXPECT_FALSE(queue_.has_quick());
  EXPECT_EQ(PopAll(), (std::vector<int>{1, 2}));
}

TEST_F(FairQueueTest, WhoComesLateComesNext) {
  for (int i = 0; i < 100; ++i) Push(1);
  EXPECT_EQ(Pop(), 0);
  Push(2);
  EXPECT_EQ(Pop(), 100);
  EXPECT_EQ(Pop(), 1);
  EXPECT_EQ(Pop(), 2);
}

TEST_F(FairQueueTest, ClientsOfEqualRemainderShareTurns) {
  Push(5);
  Push(5 + FairQueue::kClients);
  Push(6);
  EXPECT_EQ(PopAll(), (std::vector<int>{0, 2, 1}));
}

TEST_F(FairQueueTest, TimeIsSharedAndNotTurns) {
  for (int i = 0; i < 30; ++i) Push(i < 3 ? 1 : 2);
  EXPECT_EQ(Pop(10), 0);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(Pop(1), 3 + i);
  EXPECT_EQ(Pop(10), 1);
}

TEST_F(FairQueueTest, WhoAsksForLittleIsServedNext) {
  for (int i = 0; i < 100; ++i) Push(1 + i % 10);
  for (int i = 0; i < 15; ++i) Pop(40 + i);
  for (int i = 0; i < 5; ++i) {
    Push(99);
    EXPECT_EQ(Pop(0.5), 100 + i);
    Pop(50);
  }
}

TEST_F(FairQueueTest, TimeThatWasNotUsedIsGone) {
  for (int i = 0; i < 10; ++i) Push(1);
  for (int i = 0; i < 5; ++i) Pop(100);
  for (int i = 0; i < 5; ++i) Push(2);
  EXPECT_EQ(Pop(100), 10);
  EXPECT_EQ(Pop(100), 5);
  EXPECT_EQ(Pop(100), 11);
}

TEST_F(FairQueueTest, AppendsAndSelectionsOfAClientShareAsTwo) {
  for (int i = 0; i < 3; ++i) Push(1);
  for (int i = 0; i < 3; ++i) Push(1, /*only_appends=*/true);
  EXPECT_EQ(Pop(2), 0);
  EXPECT_EQ(Pop(1), 3);
  EXPECT_EQ(Pop(1), 4);
  EXPECT_EQ(Pop(2), 1);
}

TEST_F(FairQueueTest, WhatComesWhileAWorkIsChargedWaitsForItsTurn) {
  Push(1);
  Push(2);
  queue_.Pop();
  Push(1);
  queue_.Charge(1);
  EXPECT_EQ(PopAll(), (std::vector<int>{1, 2}));
}

// Nothing is lost, and each client's works come in order, whatever the history.
TEST_F(FairQueueTest, RandomHistories) {
  std::mt19937 random(1);
  std::map<uint64_t, int> last;
  int popped = 0;
  const auto check = [&] {
    const int number = Pop();
    const uint64_t client = works_[number].client();
    const auto before = last.find(client);
    EXPECT_TRUE(before == last.end() || before->second < number);
    last[client] = number;
    ++popped;
  };
  for (int i = 0; i < 20'000; ++i) {
    if (queue_.empty() || random() % 2 == 0) {
      Push(random() % 7);
    } else {
      check();
    }
  }
  while (!queue_.empty()) check();
  EXPECT_EQ(popped, std::ssize(works_));
}

}  // namespace
}  // namespace kvsift
