// A member that says nothing any more, as one on a host that lost its network.
#include <csignal>

#include "gmock/gmock.h"
#include "kvsift/pool.h"
#include "tests/client/pool/pool_fixture.h"
#include "tests/end_to_end/program.h"

namespace kvsift {
namespace {

TEST_F(PoolTest, CallsDoNotWaitForAMemberThatHangs) {
  Program stopped(ServerProgram(), {"--listen", "127.0.0.1:0", "--backend", "cpu"}, "/dev/null");
  const std::string address = ListenedAddress(stopped.ReadLine());
  listed_.push_back(address);
  client::PoolOptions options = Options();
  options.check_timeout = absl::Milliseconds(200);
  Open(1, Provider(), options);
  AwaitServing(2);
  constexpr uint64_t kSequences = 30;
  AppendSequences(kSequences);
  const int64_t affected = CountAt(address, kSequences);
  EXPECT_GT(affected, 0);
  stopped.Signal(SIGSTOP);
  ExpectRight(kSequences);
  EXPECT_EQ(CountAt(address, kSequences), 0);
  // It wakes up with sequences that have gone on elsewhere: what it holds is not used.
  AppendTo(1, kPoolTokens, 3);
  stopped.Signal(SIGCONT);
  AwaitServing(2);
  ExpectRight(kSequences);
  EXPECT_EQ(CountAt(address, kSequences), affected);
}

}  // namespace
}  // namespace kvsift
