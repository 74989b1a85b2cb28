#include "client/python/src/pending.h"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/vector.h>

#include <algorithm>

#include "absl/time/clock.h"
#include "client/python/src/deadline.h"
#include "client/python/src/gil.h"
#include "client/python/src/raise.h"

namespace nb = nanobind;

namespace kvsift::python {
namespace {

// How long a wait goes on before it looks for signals, such as Ctrl-C.
constexpr absl::Duration kSignalInterval = absl::Milliseconds(50);

// What Python holds of completions. Answers share what is behind it, and not a reference of
// Python's, which a thread of gRPC could not drop without the GIL.
struct SharedCompletions {
  std::shared_ptr<Completions> shared = std::make_shared<Completions>();
};

}  // namespace

void Answer::Complete(absl::StatusOr<client::SelectionResult> result) {
  SharedResult shared = Share(std::move(result));
  std::vector<Watcher> watchers;
  {
    absl::MutexLock lock(&mutex_);
    result_ = std::move(shared);
    is_done_ = true;
    watchers = std::exchange(watchers_, {});
  }
  for (const auto& [completions, number] : watchers) completions->Add(number);
}

bool Answer::is_done() const {
  absl::MutexLock lock(&mutex_);
  return is_done_;
}

bool Answer::WaitUntil(absl::Time time) const {
  absl::MutexLock lock(&mutex_);
  return mutex_.AwaitWithDeadline(absl::Condition(&is_done_), time);
}

bool Answer::Watch(std::shared_ptr<Completions> completions, uint64_t number) {
  absl::MutexLock lock(&mutex_);
  if (is_done_) return false;
  watchers_.emplace_back(std::move(completions), number);
  return true;
}

SharedResult Answer::result() const {
  absl::MutexLock lock(&mutex_);
  return result_;
}

bool PendingSelection::Wait(std::optional<double> seconds) const {
  if (is_done()) return true;
  const absl::Time end = seconds ? DeadlineIn(*seconds) : absl::InfiniteFuture();
  for (;;) {
    bool is_done = false;
    absl::Time now;
    {
      const std::shared_ptr<Answer> answer = answer_;
      const ReleasedGil released;
      now = absl::Now();
      is_done = answer->WaitUntil(std::min(end, now + kSignalInterval));
    }
    if (is_done || end <= now + kSignalInterval) return is_done;
    if (PyErr_CheckSignals() != 0) RaisePythonError();
  }
}

nb::object PendingSelection::Result() {
  if (!selection_.is_valid()) {
    nb::object made = ToPython(answer_->result(), out_);
    // Making it may have let another thread come first.
    if (!selection_.is_valid()) selection_ = std::move(made);
  }
  return check_ ? Checked(selection_) : selection_;
}

void BindPending(nb::module_& module) {
  nb::class_<SharedCompletions>(module, "Completions")
      .def(nb::init<>())
      .def("fileno", [](const SharedCompletions& self) { return self.shared->descriptor(); })
      .def("add", [](const SharedCompletions& self, uint64_t number) { self.shared->Add(number); })
      .def("take", [](const SharedCompletions& self) { return self.shared->Take(); });
  nb::class_<PendingSelection>(module, "PendingSelection")
      .def("done", &PendingSelection::is_done)
      .def("wait", &PendingSelection::Wait, nb::arg("seconds").none())
      .def("watch", [](PendingSelection& self, const SharedCompletions& completions,
                       uint64_t number) { return self.Watch(completions.shared, number); })
      .def("result", &PendingSelection::Result);
}

}  // namespace kvsift::python
