// Selections and steps under way.
#ifndef KVSIFT_CLIENT_PYTHON_SRC_PENDING_H_
#define KVSIFT_CLIENT_PYTHON_SRC_PENDING_H_

#include <nanobind/nanobind.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "client/python/src/completions.h"
#include "client/python/src/selection.h"
#include "kvsift/select.h"

namespace kvsift::python {

// What a call's callback completes. It holds nothing of Python's, so that it may end on any
// thread, whether anybody waits for it or not. Thread-safe.
class Answer {
 public:
  void Complete(absl::StatusOr<client::SelectionResult> result);

  bool is_done() const;

  // Returns false if it was not done by then.
  bool WaitUntil(absl::Time time) const;

  // Adds `number` to `completions` when it is done. Returns false, and does not, if it is already.
  bool Watch(std::shared_ptr<Completions> completions, uint64_t number);

  // REQUIRES: is_done().
  SharedResult result() const;

 private:
  using Watcher = std::pair<std::shared_ptr<Completions>, uint64_t>;

  mutable absl::Mutex mutex_;
  bool is_done_ ABSL_GUARDED_BY(mutex_) = false;
  SharedResult result_ ABSL_GUARDED_BY(mutex_);
  std::vector<Watcher> watchers_ ABSL_GUARDED_BY(mutex_);
};

// Python's handle on an answer. Used with the GIL held.
class PendingSelection {
 public:
  PendingSelection(std::shared_ptr<Answer> answer, Out out, bool check)
      : answer_(std::move(answer)), out_(std::move(out)), check_(check) {}

  bool is_done() const { return answer_->is_done(); }
  bool Watch(std::shared_ptr<Completions> completions, uint64_t number) {
    return answer_->Watch(std::move(completions), number);
  }

  // Waits without the GIL, nothing: without end. Returns false if it was not done in time. Raises
  // what Python's signal handlers raise.
  bool Wait(std::optional<double> seconds) const;

  // The selection, the same one each time. Raises what the call ended with. REQUIRES: is_done().
  nanobind::object Result();

 private:
  std::shared_ptr<Answer> answer_;
  Out out_;
  bool check_;
  nanobind::object selection_;
};

void BindPending(nanobind::module_& module);

}  // namespace kvsift::python

#endif  // KVSIFT_CLIENT_PYTHON_SRC_PENDING_H_
