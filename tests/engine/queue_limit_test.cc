#include "server/engine/queue_limit.h"

#include <gtest/gtest.h>

namespace kvsift {
namespace {

// How many requests of so many bytes `client` gets in.
int64_t Flood(QueueLimit& queue, uint64_t client, int64_t bytes) {
  int64_t admitted = 0;
  while (queue.Enter(client, bytes).ok()) ++admitted;
  return admitted;
}

TEST(QueueLimitTest, OneClientTakesFourFifthsOfTheRequests) {
  QueueLimit queue({.max_queued_requests = 1000});
  EXPECT_EQ(Flood(queue, 1, 1), 801);
  EXPECT_TRUE(queue.Enter(2, 1).ok());
}

TEST(QueueLimitTest, OneClientTakesFourFifthsOfTheBytes) {
  QueueLimit queue({.max_queued_bytes = 100'000});
  EXPECT_EQ(Flood(queue, 1, 100), 800);
  EXPECT_TRUE(queue.Enter(2, 10'000).ok());
}

TEST(QueueLimitTest, WhoeverComesLaterFindsRoom) {
  QueueLimit queue({.max_queued_requests = 1000});
  int64_t last = 1000;
  for (uint64_t client = 1; client <= 4; ++client) {
    const int64_t admitted = Flood(queue, client, 1);
    EXPECT_GT(admitted, 0);
    EXPECT_LT(admitted, last);
    last = admitted;
  }
}

// Those that hold more than is fair get nothing until they have less than the others.
TEST(QueueLimitTest, ClientsThatFloodTogetherEndUpEven) {
  QueueLimit queue({.max_queued_requests = 900});
  int64_t held[] = {Flood(queue, 1, 1), Flood(queue, 2, 1)};
  for (int i = 0; i < 2000; ++i) {
    const int leaves = i % 2;
    queue.Leave(leaves + 1, 1);
    --held[leaves];
    for (const int asks : {0, 1}) held[asks] += queue.Enter(asks + 1, 1).ok();
  }
  EXPECT_NEAR(held[0], held[1], 2);
  EXPECT_NEAR(held[0], 400, 10);
}

TEST(QueueLimitTest, OneRequestAloneMayHaveAnySizeAndHoldsTheOthersOff) {
  QueueLimit queue({.max_queued_bytes = 1000});
  ASSERT_TRUE(queue.Enter(1, 5000).ok());
  EXPECT_EQ(queue.Enter(2, 1).code(), absl::StatusCode::kUnavailable);
  queue.Leave(1, 5000);
  EXPECT_TRUE(queue.Enter(2, 1).ok());
}

TEST(QueueLimitTest, WhatIsRefusedOrLeavesIsNotCounted) {
  QueueLimit queue({.max_queued_requests = 2, .max_queued_bytes = 1000});
  ASSERT_TRUE(queue.Enter(1, 10).ok());
  ASSERT_TRUE(queue.Enter(1, 20).ok());
  EXPECT_FALSE(queue.Enter(2, 30).ok());
  EXPECT_EQ(queue.use().requests, 2);
  EXPECT_EQ(queue.use().bytes, 30);
  queue.Leave(1, 10);
  queue.Leave(1, 20);
  EXPECT_EQ(queue.use().requests, 0);
  EXPECT_EQ(queue.use().bytes, 0);
}

}  // namespace
}  // namespace kvsift
