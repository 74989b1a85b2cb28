#include "client/python/src/numbers.h"

#include <limits>
#include <string>
#include <type_traits>

#include "absl/strings/str_cat.h"
#include "client/python/src/raise.h"

namespace nb = nanobind;

namespace kvsift::python {
namespace {

// Where a number stands: an argument of its own, or an element of one.
struct Place {
  const char* field;
  int64_t index = -1;

  std::string Name() const { return index < 0 ? field : absl::StrCat(field, "[", index, "]"); }
};

// What Python knows as an int, numpy's integers included.
template <typename Integer>
Integer ToInteger(nb::handle item, const Place& place) {
  const nb::object number = nb::steal(PyNumber_Index(item.ptr()));
  if (!number.is_valid()) {
    PyErr_Clear();
    RaiseTypeError(absl::StrCat(place.Name(), ": ", TypeName(item), ", expected an int"));
  }
  Integer value = 0;
  bool fits = true;
  if constexpr (std::is_same_v<Integer, uint64_t>) {
    value = PyLong_AsUnsignedLongLong(number.ptr());
  } else {
    const long long wide = PyLong_AsLongLong(number.ptr());
    value = static_cast<Integer>(wide);
    fits = value == wide;
  }
  if (!fits || PyErr_Occurred() != nullptr) {
    PyErr_Clear();
    RaiseValueError(absl::StrCat(place.Name(), ": ", nb::str(number).c_str(), ", expected ",
                                 std::numeric_limits<Integer>::min(), " to ",
                                 std::numeric_limits<Integer>::max()));
  }
  return value;
}

// Calls `add(item, index)` for each element of a sequence.
template <typename Add>
void ForEach(nb::handle object, const char* field, int64_t size, const Add& add) {
  if (object.is_none()) return;
  // Arrays have a list of ints at hand, which is quicker than one object at a time.
  const nb::object source =
      nb::hasattr(object, "tolist") ? nb::object(object.attr("tolist")()) : nb::borrow(object);
  const nb::object items = nb::steal(PySequence_Fast(source.ptr(), ""));
  if (!items.is_valid()) {
    if (PyErr_ExceptionMatches(PyExc_TypeError) == 0) RaisePythonError();
    PyErr_Clear();
    RaiseTypeError(absl::StrCat(field, ": ", TypeName(object), ", expected a sequence of int"));
  }
  const auto count = static_cast<int64_t>(nb::len(items));
  if (size >= 0 && count != size) {
    RaiseValueError(absl::StrCat(field, ": ", count, " elements, expected ", size));
  }
  int64_t index = 0;
  for (const nb::handle item : items) add(item, index++);
}

template <typename Integer>
std::vector<Integer> ToList(nb::handle object, const char* field, int64_t size) {
  std::vector<Integer> list;
  ForEach(object, field, size, [&](nb::handle item, int64_t index) {
    list.push_back(ToInteger<Integer>(item, {field, index}));
  });
  return list;
}

}  // namespace

int32_t ToInt32(nb::handle number, const char* field) {
  return ToInteger<int32_t>(number, {field});
}

int64_t ToInt64(nb::handle number, const char* field) {
  return ToInteger<int64_t>(number, {field});
}

uint64_t ToUint64(nb::handle number, const char* field) {
  return ToInteger<uint64_t>(number, {field});
}

std::optional<uint64_t> ToEpoch(nb::handle number, const char* field) {
  if (number.is_none()) return std::nullopt;
  return ToUint64(number, field);
}

bool ToBool(nb::handle value, const char* field) {
  if (!PyBool_Check(value.ptr())) {
    RaiseTypeError(absl::StrCat(field, ": ", TypeName(value), ", expected a bool"));
  }
  return value.ptr() == Py_True;
}

std::vector<int64_t> Int64List(nb::handle object, const char* field, int64_t size) {
  return ToList<int64_t>(object, field, size);
}

std::vector<uint64_t> Uint64List(nb::handle object, const char* field, int64_t size) {
  return ToList<uint64_t>(object, field, size);
}

std::vector<int32_t> Int32List(nb::handle object, const char* field, int64_t size) {
  return ToList<int32_t>(object, field, size);
}

std::vector<std::optional<uint64_t>> EpochList(nb::handle object, const char* field, int64_t size) {
  std::vector<std::optional<uint64_t>> list;
  ForEach(object, field, size, [&](nb::handle item, int64_t index) {
    list.push_back(item.is_none() ? std::nullopt
                                  : std::optional(ToInteger<uint64_t>(item, {field, index})));
  });
  return list;
}

}  // namespace kvsift::python
