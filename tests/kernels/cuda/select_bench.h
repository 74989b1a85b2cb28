// Device times of the CUDA kernels beside the time that copying the same bytes takes.
#ifndef KVSIFT_TESTS_KERNELS_CUDA_SELECT_BENCH_H_
#define KVSIFT_TESTS_KERNELS_CUDA_SELECT_BENCH_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "kernels/cuda/device.h"
#include "kernels/cuda/select_plan.h"
#include "kernels/cuda/store.h"
#include "kernels/select/policy.h"
#include "tests/kernels/cuda/call_bench.h"

namespace kvsift::cuda {

struct Case {
  std::string name;
  std::vector<int64_t> lengths;  // of the sequences
  int kv_heads;
  int group;
  Policy policy;
  int head_dim = 128;
  int page_positions = kPagePositions;
  bool to_host = false;  // answers go on to host memory, as those of a small batch do
};

// Prints a line for everything that it measures. Codes come from several layers in turn, so that
// they are not in the cache.
class Bench {
 public:
  Bench();

  // Of the device, which later lines are ratios to.
  void MeasureCopy();

  // Runs only cases whose name has this in it.
  void Only(const std::string& part) { only_ = part; }

  // Microseconds of one selection, or 0 if it was not run.
  double Run(const Case& c, const SelectTuning& tuning);

  void RunEncode(int64_t tokens);

  // One raw token to each sequence.
  void RunAppend(int sequences);

 private:
  std::unique_ptr<CudaStore> MakeStore(const Case& c, int layers);

  DeviceBuffer pages_;
  Stream stream_;
  SelectDevice device_;
  double bytes_per_us_ = 1;
  std::string only_;
};

}  // namespace kvsift::cuda

#endif  // KVSIFT_TESTS_KERNELS_CUDA_SELECT_BENCH_H_
