// One life of a server that belongs to a pool, and who serves now.
#ifndef KVSIFT_CLIENT_POOL_MEMBER_H_
#define KVSIFT_CLIENT_POOL_MEMBER_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "client/pool/member_calls.h"
#include "client/pool/rendezvous.h"
#include "kvsift/client.h"

namespace kvsift::client {

// A server from its start to its end: one that comes back with another incarnation, and without
// its sequences, is another member of the same address.
struct PoolMember {
  PoolMember(std::string its_address, uint64_t its_incarnation, std::unique_ptr<Client> its_client)
      : address(std::move(its_address)),
        hash(MemberHash(address)),
        incarnation(its_incarnation),
        client(std::move(its_client)) {}

  const std::string address;
  const uint64_t hash;
  const uint64_t incarnation;
  std::atomic<bool> is_reachable = true;
  std::atomic<bool> is_gone = false;  // it will not come back
  MemberCalls calls;
  const std::unique_ptr<Client> client;  // ends first, and waits for the calls
};

// The last reference must not go on a thread that hears of completions, because the client ends
// with it (CallsInFlight): Membership keeps one until no other is left.
using MemberPtr = std::shared_ptr<PoolMember>;

// The members that serve, as they were at some time.
class MembersView {
 public:
  MembersView() = default;
  MembersView(uint64_t generation, std::vector<MemberPtr> serving)
      : generation_(generation), serving_(std::move(serving)) {
    for (const MemberPtr& member : serving_) hashes_.push_back(member->hash);
  }

  // Greater for each later view.
  uint64_t generation() const { return generation_; }

  const std::vector<MemberPtr>& serving() const { return serving_; }

  // The member that a key belongs to; nullptr if none serves.
  MemberPtr Pick(uint64_t key) const {
    return serving_.empty() ? nullptr : serving_[HeaviestMember(key, hashes_)];
  }

  bool Serves(const MemberPtr& member) const {
    for (const MemberPtr& it : serving_) {
      if (it == member) return true;
    }
    return false;
  }

 private:
  uint64_t generation_ = 0;
  std::vector<MemberPtr> serving_;
  std::vector<uint64_t> hashes_;  // [serving_]
};

using ViewPtr = std::shared_ptr<const MembersView>;

}  // namespace kvsift::client

#endif  // KVSIFT_CLIENT_POOL_MEMBER_H_
