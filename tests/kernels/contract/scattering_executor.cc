#include "tests/kernels/contract/scattering_executor.h"

#include <utility>

namespace kvsift {

ScatteringExecutor::ScatteringExecutor(int threads, uint32_t seed) : random_(seed) {
  for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { Work(); });
}

ScatteringExecutor::~ScatteringExecutor() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void ScatteringExecutor::Run(int64_t count, std::function<void(int64_t)> task,
                             std::function<void()> done) {
  const auto job = std::make_shared<Job>(Job{std::move(task), std::move(done), count});
  {
    const std::lock_guard lock(mutex_);
    for (int64_t i = 0; i < count; ++i) waiting_.push_back({job, i});
  }
  changed_.notify_all();
}

ScatteringExecutor::Task ScatteringExecutor::TakeAny() {
  const auto index = static_cast<size_t>(Below(random_, std::ssize(waiting_)));
  std::swap(waiting_[index], waiting_.back());
  Task task = std::move(waiting_.back());
  waiting_.pop_back();
  return task;
}

void ScatteringExecutor::Work() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
    if (waiting_.empty()) return;
    const Task task = TakeAny();
    lock.unlock();
    task.job->task(task.index);
    lock.lock();
    if (--task.job->remaining > 0) continue;
    lock.unlock();
    task.job->done();
    lock.lock();
  }
}

}  // namespace kvsift
