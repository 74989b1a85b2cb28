// Keys are balanced over members, and only those move that have to.
#include "client/pool/rendezvous.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace kvsift::client {
namespace {

std::vector<uint64_t> Pods(int count) {
  std::vector<uint64_t> hashes;
  for (int i = 0; i < count; ++i) {
    hashes.push_back(
        MemberHash("10.0." + std::to_string(i / 256) + "." + std::to_string(i % 256) + ":7600"));
  }
  return hashes;
}

// Keys of each member, for ids as workers make them.
std::vector<int> Shares(int members, int keys, uint64_t first, uint64_t step) {
  const std::vector<uint64_t> hashes = Pods(members);
  std::vector<int> shares(members, 0);
  for (int i = 0; i < keys; ++i) ++shares[HeaviestMember(first + i * step, hashes)];
  return shares;
}

// The sum of squared deviations over the mean: about members - 1 if keys fall evenly at random.
double ChiSquare(const std::vector<int>& shares, int keys) {
  const double mean = static_cast<double>(keys) / static_cast<double>(shares.size());
  double sum = 0;
  for (const int share : shares) sum += (share - mean) * (share - mean) / mean;
  return sum;
}

TEST(Rendezvous, IdsOfEveryKindAreBalanced) {
  constexpr int kKeys = 200'000;
  for (const int members : {2, 3, 10, 100}) {
    for (const uint64_t step :
         {uint64_t{1}, uint64_t{1} << 32, uint64_t{4096}, uint64_t{0x10001}}) {
      const double chi = ChiSquare(Shares(members, kKeys, 17, step), kKeys);
      const double freedom = members - 1;
      // Six standard deviations beyond what chance gives.
      EXPECT_LT(chi, freedom + 6 * std::sqrt(2 * freedom)) << members << " members, step " << step;
    }
  }
}

TEST(Rendezvous, AMemberThatGoesMovesItsOwnKeysAlone) {
  std::vector<uint64_t> before = Pods(7);
  std::vector<uint64_t> after = before;
  const uint64_t gone = after[3];
  after.erase(after.begin() + 3);
  std::map<uint64_t, int> heirs;
  for (uint64_t key = 0; key < 70'000; ++key) {
    const uint64_t was = before[HeaviestMember(key, before)];
    const uint64_t is = after[HeaviestMember(key, after)];
    if (was == gone) {
      ++heirs[is];
    } else {
      ASSERT_EQ(was, is) << key;
    }
  }
  // All others inherit, about a sixth of a seventh each.
  ASSERT_EQ(heirs.size(), 6u);
  for (const auto& [member, keys] : heirs) EXPECT_NEAR(keys, 70'000 / 7 / 6, 250);
}

TEST(Rendezvous, AMemberThatJoinsTakesItsShareAndNothingElseMoves) {
  std::vector<uint64_t> before = Pods(4);
  std::vector<uint64_t> after = Pods(5);
  int moved = 0;
  for (uint64_t key = 0; key < 50'000; ++key) {
    const uint64_t was = before[HeaviestMember(key, before)];
    const uint64_t is = after[HeaviestMember(key, after)];
    if (was == is) continue;
    ++moved;
    ASSERT_EQ(is, after[4]) << key;
  }
  EXPECT_NEAR(moved, 10'000, 600);
}

TEST(Rendezvous, TheOrderOfMembersDoesNotMatter) {
  std::vector<uint64_t> members = Pods(9);
  std::vector<uint64_t> reversed(members.rbegin(), members.rend());
  for (uint64_t key = 0; key < 1000; ++key) {
    EXPECT_EQ(members[HeaviestMember(key, members)], reversed[HeaviestMember(key, reversed)]);
  }
}

// Clients of different versions must come to the same place: these figures stay.
TEST(Rendezvous, IsTheSameForEveryClient) {
  EXPECT_EQ(MemberHash("10.0.0.1:7600"), 7883687031756981914u);
  EXPECT_EQ(MemberWeight(1, MemberHash("10.0.0.1:7600")), 3881169775200738307u);
  EXPECT_EQ(MemberWeight(2, MemberHash("unix:/run/kvsift.sock")), 5225454975233406545u);
}

}  // namespace
}  // namespace kvsift::client
