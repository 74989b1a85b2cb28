// Valid requests to start from, and calls that a test can make in one expression.
//
// The store of these requests: layers 3 and 7, 2 kv heads, 4 query heads, head_dim 64, 2-bit keys,
// key scales 8. A key of one layer has 2 x 16 bytes; a four-plane query token 4 x 32.
#ifndef KVSIFT_TESTS_END_TO_END_REQUESTS_H_
#define KVSIFT_TESTS_END_TO_END_REQUESTS_H_

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "kvsift/v1/selection.grpc.pb.h"

namespace kvsift {

inline constexpr int kKeyBytes = 2 * 16;         // codes of one position at one layer
inline constexpr int kQueryTokenBytes = 4 * 32;  // four-plane codes of one query token
inline constexpr int kQueryHeads = 4;

using Random = std::mt19937_64;

std::string RandomBytes(Random& random, size_t count);

// Four-plane query codes of `tokens` query tokens without the code -8.
std::string RandomQueryCodes(Random& random, int64_t tokens);

v1::CreateStoreRequest MakeCreate(const std::string& name);

// Entries {sequence, start, count} with random codes for both layers.
struct AppendPart {
  uint64_t sequence = 0;
  int64_t start = 0;
  int64_t count = 0;
};
v1::AppendKeysRequest MakeAppend(const std::string& store, const std::vector<AppendPart>& parts,
                                 Random& random);

// k = 4, asymmetric_dot, grouping head; one query token for each of `sequences` at layer 3.
v1::SelectRequest MakeSelect(const std::string& store, const std::vector<uint64_t>& sequences,
                             Random& random);

// One key and one query token for each part (count is taken as 1) at layer 3.
v1::StepRequest MakeStep(const std::string& store, const std::vector<AppendPart>& parts,
                         Random& random);

// The int32s of an answer's bytes.
std::vector<int32_t> Ints(const std::string& bytes);

// Everything a client can see of the state: stores, sequences, lengths, epochs, memory.
std::string Snapshot(v1::SelectionService::Stub& stub);

}  // namespace kvsift

#endif  // KVSIFT_TESTS_END_TO_END_REQUESTS_H_
