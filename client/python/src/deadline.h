// Python's seconds as the client's points in time.
#ifndef KVSIFT_CLIENT_PYTHON_SRC_DEADLINE_H_
#define KVSIFT_CLIENT_PYTHON_SRC_DEADLINE_H_

#include <nanobind/nanobind.h>

#include <optional>

#include "absl/time/time.h"

namespace kvsift::python {

// None: nothing. Raises TypeError if it is no number.
std::optional<double> ToTimeout(nanobind::handle seconds);

// `seconds` from now; math.inf is never. Raises ValueError if they are negative or no number.
absl::Time DeadlineIn(double seconds);

}  // namespace kvsift::python

#endif  // KVSIFT_CLIENT_PYTHON_SRC_DEADLINE_H_
