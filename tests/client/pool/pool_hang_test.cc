// A member that says nothing any more, as one on a host that lost its network.
#include <csignal>

#include "gmock/gmock.h"
#include "kvsift/pool.h"
#include "tests/client/pool/pool_fixture.h"
#include "tests/end_to_end/program.h"

namespace kvsift {
namespace {

constexpr uint64_t kSequences = 30;

class PoolHang : public PoolTest {
 protected:
  // A pool of two, one of which can be stopped.
  void OpenWithHanging(client::PoolOptions options) {
    options.check_timeout = absl::Milliseconds(200);
    listed_.push_back(address_);
    Open(1, Provider(), options);
    AwaitServing(2);
    AppendSequences(kSequences);
    affected_ = CountAt(address_, kSequences);
    EXPECT_GT(affected_, 0);
    hanging_.Signal(SIGSTOP);
    ExpectRight(kSequences);
    EXPECT_EQ(CountAt(address_, kSequences), 0);
  }

  Program hanging_{ServerProgram(), {"--listen", "127.0.0.1:0", "--backend", "cpu"}, "/dev/null"};
  const std::string address_ = ListenedAddress(hanging_.ReadLine());
  int64_t affected_ = 0;
};

TEST_F(PoolHang, CallsDoNotWaitForTheMember) {
  OpenWithHanging(Options());
  // It wakes up with sequences that have gone on elsewhere: what it holds is not used.
  for (uint64_t id = 1; id <= kSequences; ++id) AppendTo(id, kPoolTokens, 3);
  hanging_.Signal(SIGCONT);
  AwaitServing(2);
  ExpectRight(kSequences);
  EXPECT_EQ(CountAt(address_, kSequences), affected_);
}

TEST_F(PoolHang, CopiesThatAreLeftAreReleasedWhenTheMemberWakesUp) {
  client::PoolOptions options = Options();
  options.rebalance = false;
  OpenWithHanging(options);
  hanging_.Signal(SIGCONT);
  AwaitServing(2);
  for (int i = 0; i < 2000 && HeldAt(address_) > 0; ++i) absl::SleepFor(absl::Milliseconds(5));
  EXPECT_EQ(HeldAt(address_), 0);
  ExpectRight(kSequences);
}

}  // namespace
}  // namespace kvsift
