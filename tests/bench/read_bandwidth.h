// How fast one core reads memory: the floor that kernels are measured against.
#ifndef KVSIFT_TESTS_BENCH_READ_BANDWIDTH_H_
#define KVSIFT_TESTS_BENCH_READ_BANDWIDTH_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "benchmark/benchmark.h"

namespace kvsift {

// Bytes a second of one core reading memory that no cache holds: the best of a few passes,
// measured once per process.
double ReadBandwidth();

// Sums 64-bit words; the compiler cannot drop it.
uint64_t SumWords(std::span<const uint64_t> words);

// Processor time of this process in seconds: what single-threaded figures are made of, so that
// other programs on the machine disturb them little.
double ProcessorSeconds();

// Adds the counters that stand beside every figure: `floor_us`, the time one core takes to read
// `bytes` from memory, and `of_floor`, the measured time of an iteration as a multiple of it.
// (Data in cache can be below 1.)
void ReportFloor(benchmark::State& state, double bytes, double seconds_per_iteration);

}  // namespace kvsift

#endif  // KVSIFT_TESTS_BENCH_READ_BANDWIDTH_H_
