// How callers hear of selections that they do not wait for.
#ifndef KVSIFT_CLIENT_CPP_SELECTION_CALLBACK_H_
#define KVSIFT_CLIENT_CPP_SELECTION_CALLBACK_H_

#include <future>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "kvsift/client.h"

namespace kvsift::client {

// Calls `done` here; if a refusal is being told here already, then after it. So a callback that
// starts a call which is refused in turn does not nest, however often.
void Refuse(SelectionCallback done, absl::Status status);

// A callback that sets the promise behind a future.
struct Promised {
  std::shared_ptr<std::promise<absl::StatusOr<SelectionResult>>> promise =
      std::make_shared<std::promise<absl::StatusOr<SelectionResult>>>();

  void operator()(absl::StatusOr<SelectionResult> result) const {
    promise->set_value(std::move(result));
  }
};

}  // namespace kvsift::client

#endif  // KVSIFT_CLIENT_CPP_SELECTION_CALLBACK_H_
