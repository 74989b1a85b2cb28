// Requests of the C++ client made of Python's arguments.
#ifndef KVSIFT_CLIENT_PYTHON_SRC_REQUESTS_H_
#define KVSIFT_CLIENT_PYTHON_SRC_REQUESTS_H_

#include <nanobind/nanobind.h>

#include <cstdint>
#include <vector>

#include "client/python/src/arrays.h"
#include "kvsift/append.h"
#include "kvsift/select.h"
#include "kvsift/store.h"

namespace kvsift::python {

// Arguments as they came, in tuples that kvsift/store.py makes. What is made of them raises
// TypeError or ValueError, naming the argument; what only the server knows is left to it.
struct EntryArguments {
  explicit EntryArguments(const nanobind::tuple& arguments);

  nanobind::handle sequence_ids;
  nanobind::handle expected_epochs;
  nanobind::handle encode;
};

struct KeyArguments {
  explicit KeyArguments(const nanobind::tuple& arguments);

  nanobind::handle keys;
  nanobind::handle starts;
  nanobind::handle counts;
  nanobind::handle on_conflict;
};

struct QueryArguments {
  explicit QueryArguments(const nanobind::tuple& arguments);

  nanobind::handle queries;
  nanobind::handle query_tokens;
  nanobind::handle policy;  // one Policy, or a sequence of them with policy_index
  nanobind::handle policy_index;
  nanobind::handle visible_lengths;
  nanobind::handle query_scales;
  nanobind::handle layout;
  nanobind::handle scores;
};

// A request and what it points to. Moves, and is dropped with the GIL held.
struct PreparedAppend {
  client::AppendRequest request;
  Array keys;
};

// What a selection's answer can hold.
struct AnswerShape {
  int64_t rows = 0;
  int64_t width = 0;  // of a padded row; of a packed answer at most
};

struct PreparedSelect {
  client::SelectRequest request;
  Array queries;
  Array query_scales;
  std::vector<int64_t> visible_lengths;
  AnswerShape answer;
};

struct PreparedStep {
  client::StepRequest request;
  Array keys;
  Array queries;
  Array query_scales;
  std::vector<int64_t> visible_lengths;
  AnswerShape answer;
};

// `layer_ids` may be None: all of the store's.
PreparedAppend PrepareAppend(const client::Store& store, nanobind::handle layer_ids,
                             const EntryArguments& entries, const KeyArguments& keys);

PreparedSelect PrepareSelect(const client::Store& store, nanobind::handle layer_id,
                             const EntryArguments& entries, const QueryArguments& queries);

PreparedStep PrepareStep(const client::Store& store, nanobind::handle layer_id,
                         const EntryArguments& entries, const KeyArguments& keys,
                         const QueryArguments& queries);

}  // namespace kvsift::python

#endif  // KVSIFT_CLIENT_PYTHON_SRC_REQUESTS_H_
