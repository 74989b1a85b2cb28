// A backend with sequences of random key codes, for benchmarks of kernels.
#ifndef KVSIFT_TESTS_BENCH_KERNEL_RIG_H_
#define KVSIFT_TESTS_BENCH_KERNEL_RIG_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <random>
#include <span>
#include <vector>

#include "kernels/backend.h"
#include "kernels/executor.h"

namespace kvsift {

// Uniformly random bytes, the same in every run.
std::vector<std::byte> RandomBytes(std::mt19937_64& random, int64_t count);

// `sequences` sequences of `positions` positions in one store of `shape`, on the backend "cpu".
class KernelRig {
 public:
  static constexpr int kPagePositions = 256;

  KernelRig(const StoreShape& shape, int64_t sequences, int64_t positions, Executor& executor);

  // A selection of one token for every sequence, with random query codes.
  Batch SelectionBatch(const Policy& policy);

  // A write of `keys` (codes, or raw) over all positions of the first sequence.
  Batch WriteBatch(const VectorData& keys) const;

  // Submits and waits.
  void Run(const Batch& batch);

  // Bytes of the codes that one selection of every sequence reads.
  int64_t code_bytes() const;

 private:
  struct Answer {
    std::vector<std::byte> queries;
    std::vector<float> scales;
    std::vector<int32_t> positions;
    std::vector<int32_t> counts;
  };

  StoreShape shape_;
  int64_t positions_;
  std::mt19937_64 random_{1};
  std::unique_ptr<Backend> backend_;
  std::unique_ptr<BackendStore> store_;
  std::vector<std::unique_ptr<PageTable>> tables_;
  std::vector<int64_t> visible_;
  std::vector<Answer> answers_;
};

}  // namespace kvsift

#endif  // KVSIFT_TESTS_BENCH_KERNEL_RIG_H_
