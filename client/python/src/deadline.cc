#include "client/python/src/deadline.h"

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/python/src/raise.h"

namespace nb = nanobind;

namespace kvsift::python {

std::optional<double> ToTimeout(nb::handle seconds) {
  if (seconds.is_none()) return std::nullopt;
  const double value = PyFloat_AsDouble(seconds.ptr());
  if (PyErr_Occurred() != nullptr) {
    PyErr_Clear();
    RaiseTypeError(absl::StrCat("timeout: ", TypeName(seconds), ", expected seconds or None"));
  }
  return value;
}

absl::Time DeadlineIn(double seconds) {
  if (!(seconds >= 0)) {
    RaiseValueError(absl::StrCat("timeout: ", seconds, ", expected 0 or more seconds"));
  }
  return absl::Now() + absl::Seconds(seconds);
}

}  // namespace kvsift::python
