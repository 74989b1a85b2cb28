#include "client/cpp/selection_callback.h"

#include <deque>

namespace kvsift::client {
namespace {

struct Refusal {
  SelectionCallback done;
  absl::Status status;
};

}  // namespace

void Refuse(SelectionCallback done, absl::Status status) {
  thread_local std::deque<Refusal>* waiting = nullptr;
  if (waiting != nullptr) {
    waiting->push_back({std::move(done), std::move(status)});
    return;
  }
  std::deque<Refusal> refusals;
  waiting = &refusals;
  done(std::move(status));
  for (; !refusals.empty(); refusals.pop_front()) {
    refusals.front().done(std::move(refusals.front().status));
  }
  waiting = nullptr;
}

}  // namespace kvsift::client
