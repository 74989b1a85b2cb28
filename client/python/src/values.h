// The client's values to and from Python's, which are dictionaries here: kvsift/values.py has the
// classes that a user sees.
#ifndef KVSIFT_CLIENT_PYTHON_SRC_VALUES_H_
#define KVSIFT_CLIENT_PYTHON_SRC_VALUES_H_

#include <nanobind/nanobind.h>

#include <initializer_list>
#include <optional>
#include <vector>

#include "kvsift/append.h"
#include "kvsift/store.h"

namespace kvsift::python {

nanobind::dict ToPython(const client::ServerInfo& server);
nanobind::dict ToPython(const client::Store& store);
nanobind::dict ToPython(const client::Sequence& sequence);
nanobind::dict ToPython(const client::AppendResult& result);

// A dictionary, or None.
nanobind::object ToPython(const std::optional<client::LevelDeviation>& deviation);

// int64 [layers, kv_heads, 2^key_bits].
nanobind::object LevelCounts(const client::Store& store);

// A numpy array [shape] that owns its elements, float or int64_t.
template <typename Element>
nanobind::object ToNumpy(std::vector<Element> elements, std::initializer_list<size_t> shape);

}  // namespace kvsift::python

#endif  // KVSIFT_CLIENT_PYTHON_SRC_VALUES_H_
