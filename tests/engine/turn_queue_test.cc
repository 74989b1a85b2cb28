#include "server/engine/turn_queue.h"

#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace kvsift {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class TurnQueueTest : public testing::Test {
 protected:
  std::vector<Turn*> Leave(const Turn& turn) {
    std::vector<Turn*> begun;
    queue_.Leave(turn, begun);
    return begun;
  }

  TurnQueue queue_;
  Turn read_a_{.access = Access::kRead};
  Turn read_b_{.access = Access::kRead};
  Turn read_c_{.access = Access::kRead};
  Turn write_a_{.access = Access::kWrite};
  Turn write_b_{.access = Access::kWrite};
};

TEST_F(TurnQueueTest, ReadersShare) {
  EXPECT_TRUE(queue_.Enter(read_a_));
  EXPECT_TRUE(queue_.Enter(read_b_));
  EXPECT_THAT(Leave(read_a_), IsEmpty());
  EXPECT_FALSE(queue_.idle());
  EXPECT_THAT(Leave(read_b_), IsEmpty());
  EXPECT_TRUE(queue_.idle());
}

TEST_F(TurnQueueTest, AWriterIsAlone) {
  EXPECT_TRUE(queue_.Enter(write_a_));
  EXPECT_FALSE(queue_.Enter(write_b_));
  EXPECT_FALSE(queue_.Enter(read_a_));
  EXPECT_THAT(Leave(write_a_), ElementsAre(&write_b_));
  EXPECT_THAT(Leave(write_b_), ElementsAre(&read_a_));
}

TEST_F(TurnQueueTest, AWriterWaitsForAllReaders) {
  EXPECT_TRUE(queue_.Enter(read_a_));
  EXPECT_TRUE(queue_.Enter(read_b_));
  EXPECT_FALSE(queue_.Enter(write_a_));
  EXPECT_THAT(Leave(read_a_), IsEmpty());
  EXPECT_THAT(Leave(read_b_), ElementsAre(&write_a_));
}

TEST_F(TurnQueueTest, AWaitingWriterStopsLaterReaders) {
  EXPECT_TRUE(queue_.Enter(read_a_));
  EXPECT_FALSE(queue_.Enter(write_a_));
  EXPECT_FALSE(queue_.Enter(read_b_));
  EXPECT_THAT(Leave(read_a_), ElementsAre(&write_a_));
  EXPECT_THAT(Leave(write_a_), ElementsAre(&read_b_));
}

TEST_F(TurnQueueTest, NeighbouringReadersBeginTogether) {
  EXPECT_TRUE(queue_.Enter(write_a_));
  EXPECT_FALSE(queue_.Enter(read_a_));
  EXPECT_FALSE(queue_.Enter(read_b_));
  EXPECT_FALSE(queue_.Enter(write_b_));
  EXPECT_FALSE(queue_.Enter(read_c_));
  EXPECT_THAT(Leave(write_a_), ElementsAre(&read_a_, &read_b_));
  EXPECT_THAT(Leave(read_b_), IsEmpty());
  EXPECT_THAT(Leave(read_a_), ElementsAre(&write_b_));
  EXPECT_THAT(Leave(write_b_), ElementsAre(&read_c_));
}

}  // namespace
}  // namespace kvsift
