// Which member of a pool a key belongs to: rendezvous hashing (highest random weight, Thaler and
// Ravishankar 1998).
//
// Each (key, member) has a weight, and the heaviest member has the key. Weights do not depend on
// who else is there, so a member that goes takes no key of others along, and one that joins takes
// an equal share of everyone's. The figures are part of the contract: all clients of a pool must
// agree on them.
#ifndef KVSIFT_CLIENT_POOL_RENDEZVOUS_H_
#define KVSIFT_CLIENT_POOL_RENDEZVOUS_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace kvsift::client {

// FNV-1a of a member's address, scattered by SplitMix64.
uint64_t MemberHash(std::string_view address);

// Weight of a member for a key, by SplitMix64: no structure of ids or addresses shows in it.
uint64_t MemberWeight(uint64_t key, uint64_t member_hash);

// Index of the heaviest of some members; equal weights: the greater hash. REQUIRES: not empty.
size_t HeaviestMember(uint64_t key, std::span<const uint64_t> member_hashes);

}  // namespace kvsift::client

#endif  // KVSIFT_CLIENT_POOL_RENDEZVOUS_H_
