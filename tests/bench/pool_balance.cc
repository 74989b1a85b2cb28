// How evenly rendezvous hashing spreads sequences over the servers of a pool, and what moves.
//
// usage: kvsift_pool_balance [SEQUENCES]
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>
#include <vector>

#include "client/pool/rendezvous.h"
#include "client/sizing/sizing.h"

namespace kvsift {
namespace {

std::vector<uint64_t> Servers(int count) {
  std::vector<uint64_t> hashes;
  for (int i = 0; i < count; ++i) {
    hashes.push_back(client::MemberHash("10.8." + std::to_string(i / 250) + "." +
                                        std::to_string(i % 250 + 1) + ":7600"));
  }
  return hashes;
}

struct Balance {
  double mean = 0;
  int64_t least = 0;
  int64_t most = 0;
  double deviation = 0;      // standard, over servers
  double moved_on_loss = 0;  // share of all sequences, when the first server goes
  double moved_on_join = 0;  // and when one more comes
};

Balance Simulate(int servers, int64_t sequences) {
  const std::vector<uint64_t> joined = Servers(servers + 1);
  const std::span<const uint64_t> hashes(joined.data(), servers);
  std::vector<int64_t> shares(servers, 0);
  int64_t lost = 0;
  int64_t taken = 0;
  for (int64_t id = 0; id < sequences; ++id) {
    const size_t place = client::HeaviestMember(id, hashes);
    ++shares[place];
    lost += client::HeaviestMember(id, hashes.subspan(1)) + 1 != place ? 1 : 0;
    taken += client::HeaviestMember(id, joined) != place ? 1 : 0;
  }
  Balance balance;
  balance.mean = static_cast<double>(sequences) / servers;
  balance.least = *std::min_element(shares.begin(), shares.end());
  balance.most = *std::max_element(shares.begin(), shares.end());
  double sum = 0;
  for (const int64_t share : shares) {
    sum += std::pow(static_cast<double>(share) - balance.mean, 2);
  }
  balance.deviation = std::sqrt(sum / servers);
  balance.moved_on_loss = static_cast<double>(lost) / static_cast<double>(sequences);
  balance.moved_on_join = static_cast<double>(taken) / static_cast<double>(sequences);
  return balance;
}

void Print(int64_t sequences) {
  std::printf("%9s %9s %9s %9s %9s %9s %9s %9s %12s %12s\n", "sequences", "servers", "mean",
              "least", "most", "most/mean", "planned", "deviation", "lost moves %", "join moves %");
  for (const int servers : {2, 4, 10, 30, 100, 300, 1000}) {
    const Balance balance = Simulate(servers, sequences);
    std::printf("%9lld %9d %9.0f %9lld %9lld %9.3f %9lld %9.1f %12.3f %12.3f\n",
                static_cast<long long>(sequences), servers, balance.mean,
                static_cast<long long>(balance.least), static_cast<long long>(balance.most),
                static_cast<double>(balance.most) / balance.mean,
                static_cast<long long>(sizing::FullestServer(sequences, servers)),
                balance.deviation, 100 * balance.moved_on_loss, 100 * balance.moved_on_join);
  }
}

}  // namespace
}  // namespace kvsift

int main(int argc, char** argv) {
  const int64_t sequences = argc > 1 ? std::atoll(argv[1]) : 1'000'000;
  if (argc > 2 || sequences < 1) {
    std::fprintf(stderr, "usage: %s [SEQUENCES]\n", argv[0]);
    return 2;
  }
  kvsift::Print(sequences);
  return 0;
}
