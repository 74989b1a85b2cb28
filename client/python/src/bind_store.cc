#include "client/python/src/bind_store.h"

#include <nanobind/stl/optional.h>

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "client/python/src/deadline.h"
#include "client/python/src/numbers.h"
#include "client/python/src/pending.h"
#include "client/python/src/raise.h"
#include "client/python/src/requests.h"
#include "client/python/src/selection.h"
#include "client/python/src/values.h"
#include "client/python/src/without_gil.h"

namespace nb = nanobind;

namespace kvsift::python {
namespace {

using client::Client;
using client::SelectionResult;
using Timeout = std::optional<double>;
using Epoch = std::optional<uint64_t>;

// What to do with the answer of a call: (out, check, timeout) as kvsift/store.py has them.
struct CallArguments {
  explicit CallArguments(const nb::tuple& arguments)
      : out(arguments[0]),
        checks(ToBool(arguments[1], "check")),
        timeout(ToTimeout(arguments[2])) {}

  nb::handle out;
  bool checks;  // whether errors of entries are raised
  Timeout timeout;
};

// Sends what was prepared by `send`, a method of the client, and waits for the selection.
template <typename Prepared, typename Send>
nb::object Wait(const CoreClient& core, const client::Store& store, const Prepared& prepared,
                const CallArguments& call, Send send) {
  const Out out(call.out, prepared.request.queries.layout, prepared.answer);
  auto result = WithoutGil(core, call.timeout, [&](Client& client, absl::Time deadline) {
    return (client.*send)(store, prepared.request, deadline);
  });
  nb::object selection = ToPython(Share(std::move(result)), out);
  return call.checks ? Checked(std::move(selection)) : selection;
}

template <typename Request>
using Start = void (Client::*)(const client::Store&, const Request&, absl::Time,
                               client::SelectionCallback);

// Sends what was prepared by `start`, and returns a PendingSelection.
template <typename Prepared>
nb::object Begin(const CoreClient& core, const client::Store& store, const Prepared& prepared,
                 const CallArguments& call, Start<decltype(prepared.request)> start) {
  Out out(call.out, prepared.request.queries.layout, prepared.answer);
  auto answer = std::make_shared<Answer>();
  WithoutGil(core, call.timeout, [&](Client& client, absl::Time deadline) {
    (client.*start)(
        store, prepared.request, deadline,
        [answer](absl::StatusOr<SelectionResult> result) { answer->Complete(std::move(result)); });
  });
  return nb::cast(PendingSelection(std::move(answer), std::move(out), call.checks));
}

nb::object Select(const CoreClient& core, const client::Store& store, nb::handle layer_id,
                  const nb::tuple& entries, const nb::tuple& queries, const nb::tuple& call) {
  return Wait(core, store,
              PrepareSelect(store, layer_id, EntryArguments(entries), QueryArguments(queries)),
              CallArguments(call), &Client::Select);
}

nb::object SelectAsync(const CoreClient& core, const client::Store& store, nb::handle layer_id,
                       const nb::tuple& entries, const nb::tuple& queries, const nb::tuple& call) {
  return Begin(core, store,
               PrepareSelect(store, layer_id, EntryArguments(entries), QueryArguments(queries)),
               CallArguments(call), &Client::SelectAsync);
}

nb::object Step(const CoreClient& core, const client::Store& store, nb::handle layer_id,
                const nb::tuple& entries, const nb::tuple& keys, const nb::tuple& queries,
                const nb::tuple& call) {
  return Wait(core, store,
              PrepareStep(store, layer_id, EntryArguments(entries), KeyArguments(keys),
                          QueryArguments(queries)),
              CallArguments(call), &Client::Step);
}

nb::object StepAsync(const CoreClient& core, const client::Store& store, nb::handle layer_id,
                     const nb::tuple& entries, const nb::tuple& keys, const nb::tuple& queries,
                     const nb::tuple& call) {
  return Begin(core, store,
               PrepareStep(store, layer_id, EntryArguments(entries), KeyArguments(keys),
                           QueryArguments(queries)),
               CallArguments(call), &Client::StepAsync);
}

nb::dict Append(const CoreClient& core, const client::Store& store, const PreparedAppend& prepared,
                bool stream, Timeout timeout) {
  return ToPython(Call(core, timeout, [&](Client& client, absl::Time deadline) {
    return stream ? client.StreamAppend(store, prepared.request, deadline)
                  : client.Append(store, prepared.request, deadline);
  }));
}

// The calls on one sequence take (id, ...) as Python has them.
nb::dict GetSequence(const CoreClient& core, const client::Store& store, nb::handle id,
                     Timeout timeout) {
  const uint64_t sequence = ToUint64(id, "id");
  return ToPython(Call(core, timeout, [&](Client& client, absl::Time deadline) {
    return client.GetSequence(store.config.name, sequence, deadline);
  }));
}

nb::list ListSequences(const CoreClient& core, const client::Store& store, Timeout timeout) {
  const auto sequences = Call(core, timeout, [&](Client& client, absl::Time deadline) {
    return client.ListSequences(store.config.name, deadline);
  });
  nb::list out;
  for (const client::Sequence& sequence : sequences) out.append(ToPython(sequence));
  return out;
}

nb::dict Truncate(const CoreClient& core, const client::Store& store, const nb::tuple& arguments,
                  Timeout timeout) {
  const uint64_t id = ToUint64(arguments[0], "id");
  const int64_t length = ToInt64(arguments[1], "length");
  const Epoch epoch = ToEpoch(arguments[2], "expected_epoch");
  return ToPython(Call(core, timeout, [&](Client& client, absl::Time deadline) {
    return client.Truncate(store.config.name, id, length, epoch, deadline);
  }));
}

nb::dict Fork(const CoreClient& core, const client::Store& store, const nb::tuple& arguments,
              Timeout timeout) {
  const uint64_t parent = ToUint64(arguments[0], "parent");
  const uint64_t child = ToUint64(arguments[1], "child");
  const int64_t length = ToInt64(arguments[2], "length");
  const Epoch epoch = ToEpoch(arguments[3], "expected_epoch");
  return ToPython(Call(core, timeout, [&](Client& client, absl::Time deadline) {
    return client.Fork(store.config.name, parent, child, length, epoch, deadline);
  }));
}

void Release(const CoreClient& core, const client::Store& store, const nb::tuple& arguments,
             Timeout timeout) {
  const uint64_t id = ToUint64(arguments[0], "id");
  const Epoch epoch = ToEpoch(arguments[1], "expected_epoch");
  Call(core, timeout, [&](Client& client, absl::Time deadline) {
    return client.Release(store.config.name, id, epoch, deadline);
  });
}

}  // namespace

void BindStore(nb::module_& module) {
  nb::class_<PreparedAppend>(module, "PreparedAppend");
  nb::class_<client::Store>(module, "Store")
      .def("to_dict", [](const client::Store& store) { return ToPython(store); })
      .def("level_counts", [](const client::Store& store) { return LevelCounts(store); })
      .def("level_deviation",
           [](const client::Store& store) { return ToPython(store.level_deviation); })
      .def("prepare_append", [](const client::Store& store, const nb::tuple& entries,
                                const nb::tuple& keys, const nb::tuple& layer_ids) {
        return PrepareAppend(store, layer_ids[0], EntryArguments(entries), KeyArguments(keys));
      });
  module.def("append", &Append);
  module.def("select", &Select);
  module.def("select_async", &SelectAsync);
  module.def("step", &Step);
  module.def("step_async", &StepAsync);
  module.def("get_sequence", &GetSequence);
  module.def("list_sequences", &ListSequences);
  module.def("truncate", &Truncate);
  module.def("fork", &Fork);
  module.def("release", &Release);
}

}  // namespace kvsift::python
