// Blocking calls: made without the GIL, raised with it.
#ifndef KVSIFT_CLIENT_PYTHON_SRC_WITHOUT_GIL_H_
#define KVSIFT_CLIENT_PYTHON_SRC_WITHOUT_GIL_H_

#include <nanobind/nanobind.h>

#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "absl/time/time.h"
#include "client/python/src/core_client.h"
#include "client/python/src/gil.h"
#include "client/python/src/raise.h"

namespace kvsift::python {

// Returns what `call(client, deadline)` returns, called without the GIL.
template <typename Function>
auto WithoutGil(const CoreClient& core, std::optional<double> timeout, const Function& call) {
  const absl::Time deadline = core.Deadline(timeout);
  std::shared_ptr<client::Client> client = core.Use();
  const ReleasedGil released;
  // Let go of before the GIL is taken again: the last user of a closed client waits for its end.
  const std::shared_ptr<client::Client> used = std::move(client);
  return call(*used, deadline);
}

// The value of what `call` returns, a Status or StatusOr. Raises what it says.
template <typename Function>
auto Call(const CoreClient& core, std::optional<double> timeout, const Function& call) {
  auto result = WithoutGil(core, timeout, call);
  if constexpr (std::is_same_v<decltype(result), absl::Status>) {
    OkOrRaise(result);
  } else {
    return ValueOrRaise(std::move(result));
  }
}

}  // namespace kvsift::python

#endif  // KVSIFT_CLIENT_PYTHON_SRC_WITHOUT_GIL_H_
