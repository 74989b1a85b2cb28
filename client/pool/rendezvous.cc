#include "client/pool/rendezvous.h"

#include <utility>

namespace kvsift::client {

namespace {

// SplitMix64's finalizer (Steele, Lea, Flood 2014).
uint64_t Scatter(uint64_t x) {
  x += 0x9E3779B97F4A7C15;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
  return x ^ (x >> 31);
}

}  // namespace

uint64_t MemberHash(std::string_view address) {
  constexpr uint64_t kOffset = 0xCBF29CE484222325;
  constexpr uint64_t kPrime = 0x100000001B3;
  uint64_t hash = kOffset;
  for (const char c : address) hash = (hash ^ static_cast<uint8_t>(c)) * kPrime;
  return Scatter(hash);
}

uint64_t MemberWeight(uint64_t key, uint64_t member_hash) {
  // Scattered first, as the hash is: ids that differ in few bits must not meet addresses that do.
  return Scatter(Scatter(key) ^ member_hash);
}

size_t HeaviestMember(uint64_t key, std::span<const uint64_t> member_hashes) {
  size_t best = 0;
  std::pair<uint64_t, uint64_t> most;
  for (size_t i = 0; i < member_hashes.size(); ++i) {
    const std::pair weighed = {MemberWeight(key, member_hashes[i]), member_hashes[i]};
    if (i > 0 && weighed <= most) continue;
    most = weighed;
    best = i;
  }
  return best;
}

}  // namespace kvsift::client
