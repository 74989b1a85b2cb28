// What truncate, fork and release share.
#ifndef KVSIFT_SERVER_ENGINE_LIFECYCLE_WORK_H_
#define KVSIFT_SERVER_ENGINE_LIFECYCLE_WORK_H_

#include <functional>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "server/engine/engine.h"
#include "server/engine/sequence.h"
#include "server/engine/store.h"
#include "server/engine/work.h"

namespace kvsift {

// A work with a result of its own, which deletes itself when it is finished.
class LifecycleWork : public Work {
 public:
  // Such works are few and ask for little: they share the time and the room of one client.
  static constexpr uint64_t kClient = 0;

  // Admits `work` or, if its store was deleted, tells it so.
  static void Start(std::unique_ptr<LifecycleWork> work);

  void OnBatchDone(const absl::Status& status) override { batch_status_ = status; }
  void Finish() final;

 protected:
  LifecycleWork(std::shared_ptr<Store> store, std::function<void(MutationResult)> done)
      : Work(kClient), store_(std::move(store)), done_(std::move(done)) {}

  Store& store() const { return *store_; }
  const absl::Status& batch_status() const { return batch_status_; }

  // Ends with `status` and the state of `sequence`, which may be null.
  Progress End(absl::Status status, const Sequence* sequence);

 private:
  std::shared_ptr<Store> store_;
  std::function<void(MutationResult)> done_;
  absl::Status batch_status_;
  MutationResult result_;
};

}  // namespace kvsift

#endif  // KVSIFT_SERVER_ENGINE_LIFECYCLE_WORK_H_
