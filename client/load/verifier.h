// Recomputes a share of the answers while a run goes on.
#ifndef KVSIFT_CLIENT_LOAD_VERIFIER_H_
#define KVSIFT_CLIENT_LOAD_VERIFIER_H_

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "client/load/answer_check.h"
#include "client/load/content.h"
#include "client/load/halt.h"
#include "client/load/plan.h"
#include "client/load/vector_pool.h"
#include "client/load/wrong_answer.h"
#include "kvsift/store.h"

namespace kvsift::load {

// An answer, with what it takes to recompute it.
struct Sample {
  uint64_t sequence_id = 0;
  Content content;
  int layer = 0;
  int64_t visible = 0;
  int64_t query = 0;  // position in the pool
  Rows got = {};
  std::optional<uint64_t> got_hash = {};  // in place of `got`, where that would take much memory
};

// Thread-safe. The first difference ends the run with DATA_LOSS and is written to a file. One
// thread works while the run goes on, and only when the machine has nothing else to do; what it
// leaves is done at the end, so that the share is kept.
class Verifier {
 public:
  // The arguments outlive this. `dump_path` is where a difference goes.
  Verifier(const Plan& plan, const client::StoreConfig& config, const VectorPool& pool, Halt& halt,
           std::string dump_path);
  ~Verifier();

  // True for the seeded share of answers. `call` tells calls on a sequence apart.
  bool Wants(uint64_t sequence_id, int layer, uint64_t call) const;

  void Add(Sample sample);

  // An answer that cannot be right, whatever the keys were.
  void AddWrong(const Sample& sample, const std::string& what);

  // Works off all samples, on every processor, or until the run is ended. Calls `progress` now
  // and then with how many are left.
  void Finish(const std::function<void(int64_t left)>& progress);

  int64_t verified() const { return verified_; }
  int64_t differences() const { return differences_; }

 private:
  void Run();
  void StartThread();
  std::optional<Sample> Next();
  void Check(ReferenceAnswer& reference, const Sample& sample);
  WrongAnswer Describe(const Sample& sample) const;
  void Report(const WrongAnswer& wrong);
  bool HasNews() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return ends_ || !samples_.empty(); }

  const Plan& plan_;
  const client::StoreConfig& config_;
  const VectorPool& pool_;
  Halt& halt_;
  const std::string dump_path_;
  std::atomic<int64_t> verified_ = 0;
  std::atomic<int64_t> differences_ = 0;
  absl::Mutex mutex_;
  std::deque<Sample> samples_ ABSL_GUARDED_BY(mutex_);
  int64_t kept_bytes_ ABSL_GUARDED_BY(mutex_) = 0;  // of answers in samples_
  int64_t unfinished_ ABSL_GUARDED_BY(mutex_) = 0;  // in samples_ or being checked
  bool ends_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace kvsift::load

#endif  // KVSIFT_CLIENT_LOAD_VERIFIER_H_
