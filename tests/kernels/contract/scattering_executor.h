// An executor that makes orders visible that a real thread pool shows only now and then.
#ifndef KVSIFT_TESTS_KERNELS_CONTRACT_SCATTERING_EXECUTOR_H_
#define KVSIFT_TESTS_KERNELS_CONTRACT_SCATTERING_EXECUTOR_H_

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "kernels/executor.h"
#include "tests/kernels/contract/test_vectors.h"

namespace kvsift {

// Runs tasks on its own threads, picking any waiting task of any job next. Thread-safe.
class ScatteringExecutor final : public Executor {
 public:
  ScatteringExecutor(int threads, uint32_t seed);
  ~ScatteringExecutor() override;  // runs what is waiting first

  int concurrency() const override { return static_cast<int>(threads_.size()); }
  void Run(int64_t count, std::function<void(int64_t)> task, std::function<void()> done) override;

 private:
  struct Job {
    std::function<void(int64_t)> task;
    std::function<void()> done;
    int64_t remaining = 0;
  };
  struct Task {
    std::shared_ptr<Job> job;
    int64_t index = 0;
  };

  void Work();
  Task TakeAny();  // REQUIRES: mutex_ is held and a task waits

  std::mutex mutex_;
  std::condition_variable changed_;
  Random random_;
  std::vector<Task> waiting_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace kvsift

#endif  // KVSIFT_TESTS_KERNELS_CONTRACT_SCATTERING_EXECUTOR_H_
