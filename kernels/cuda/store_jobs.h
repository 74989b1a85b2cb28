// Jobs of a batch, sorted by store: a launch serves one store.
#ifndef KVSIFT_KERNELS_CUDA_STORE_JOBS_H_
#define KVSIFT_KERNELS_CUDA_STORE_JOBS_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "kernels/cuda/store.h"

namespace kvsift::cuda {

// Jobs of one store, which know how many items come before theirs.
template <class Job>
struct StoreJobs {
  const CudaStore* store = nullptr;
  std::vector<Job> jobs;
  int64_t items = 0;
  const Job* staged = nullptr;

  Job& Add(const Job& job, int64_t item_count) {
    jobs.push_back(job);
    jobs.back().first_item = items;
    items += item_count;
    return jobs.back();
  }
};

// Keeps its memory when it is cleared.
template <class Job>
class JobsByStore {
 public:
  void Clear() { used_ = 0; }

  StoreJobs<Job>& Of(const CudaStore& store) {
    for (StoreJobs<Job>& jobs : all()) {
      if (jobs.store == &store) return jobs;
    }
    if (used_ == jobs_.size()) jobs_.emplace_back();
    StoreJobs<Job>& begun = jobs_[used_++];
    begun.store = &store;
    begun.jobs.clear();
    begun.items = 0;
    return begun;
  }

  std::span<StoreJobs<Job>> all() { return std::span(jobs_).first(used_); }

 private:
  std::vector<StoreJobs<Job>> jobs_;
  size_t used_ = 0;
};

}  // namespace kvsift::cuda

#endif  // KVSIFT_KERNELS_CUDA_STORE_JOBS_H_
