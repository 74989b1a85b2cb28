// How errors leave C++: the only place of the extension that throws.
//
// nanobind carries errors to Python as C++ exceptions. What the extension calls returns statuses;
// these functions turn one into the exception that Python sees. All need the GIL.
#ifndef KVSIFT_CLIENT_PYTHON_SRC_RAISE_H_
#define KVSIFT_CLIENT_PYTHON_SRC_RAISE_H_

#include <nanobind/nanobind.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "kvsift/error.h"

namespace kvsift::python {

// Raises the class of kvsift.errors that the code asks for, with the server's details.
// REQUIRES: !status.ok().
[[noreturn]] void Raise(const absl::Status& status);

// Raises kvsift.BatchError: some entries failed. `result` has the rest.
[[noreturn]] void RaiseBatchError(const std::vector<client::EntryError>& errors,
                                  nanobind::handle result);

[[noreturn]] void RaiseTypeError(const std::string& message);
[[noreturn]] void RaiseValueError(const std::string& message);
[[noreturn]] void RaiseIndexError(const std::string& message);
[[noreturn]] void RaiseRuntimeError(const std::string& message);

// The name of an object's type, for messages.
std::string TypeName(nanobind::handle object);

// Throws on what Python has raised in this thread.
[[noreturn]] void RaisePythonError();

// A tuple of kvsift.EntryError.
nanobind::object ToPython(const std::vector<client::EntryError>& errors);

template <typename T>
T ValueOrRaise(absl::StatusOr<T> value) {
  if (!value.ok()) Raise(value.status());
  return *std::move(value);
}

inline void OkOrRaise(const absl::Status& status) {
  if (!status.ok()) Raise(status);
}

}  // namespace kvsift::python

#endif  // KVSIFT_CLIENT_PYTHON_SRC_RAISE_H_
