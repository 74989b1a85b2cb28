// What is on the server while the weather is bad: two stores, the one of the worker that is
// measured and the one of those who disturb it, and requests on them.
#ifndef KVSIFT_TESTS_BENCH_WEATHER_SCENE_H_
#define KVSIFT_TESTS_BENCH_WEATHER_SCENE_H_

#include <cstdint>
#include <memory>
#include <string>

#include "grpcpp/support/status.h"
#include "kvsift/v1/selection.grpc.pb.h"

namespace kvsift::weather {

using Stub = v1::SelectionService::Stub;

inline constexpr char kMeasuredStore[] = "measured";
inline constexpr char kDisturbedStore[] = "disturbed";
// Both stores: one layer, id 0, and sequence 1.
inline constexpr int kKvHeads = 2;
inline constexpr int kQueryHeads = 8;
inline constexpr int kHeadDim = 128;
inline constexpr int kMeasuredPositions = 2048;
inline constexpr int kDisturbedPositions = 65536;
inline constexpr int kRawKeyBytes = 2 * kKvHeads * kHeadDim;  // float16, of one position

// A connection of its own.
std::unique_ptr<Stub> Connect(const std::string& address);

// Ends the program if `status` is an error, which it prints.
void Require(const grpc::Status& status);

// Creates and fills both stores.
void FillStores(Stub& stub);
void FillDisturbedStore(Stub& stub);

// Deletes it with all that disturbers have appended.
void DeleteDisturbedStore(Stub& stub);

// `tokens` queries of sequence 1 of the disturbed store; each answer row has `k` positions.
v1::StepRequest MakeSelection(int tokens, int k, uint64_t seed);

// A decode step of the measured worker: one key, which is there already, and one query token.
v1::StepRequest MakeDecode(uint64_t seed);

// Raw keys of `positions` positions from 0 of a sequence of the disturbed store.
v1::AppendKeysRequest MakeRawAppend(uint64_t sequence, int64_t positions);

v1::SelectRequest MakeSelect(const v1::StepRequest& step);

v1::StreamStepsRequest MakeStreamStep(uint64_t id, const v1::StepRequest& step);

std::string RandomBytes(size_t count, uint64_t seed);

}  // namespace kvsift::weather

#endif  // KVSIFT_TESTS_BENCH_WEATHER_SCENE_H_
