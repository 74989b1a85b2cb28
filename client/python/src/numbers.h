// Numbers as Python hands them over: what it takes for an int, and sequences or one-dimensional
// arrays of such.
#ifndef KVSIFT_CLIENT_PYTHON_SRC_NUMBERS_H_
#define KVSIFT_CLIENT_PYTHON_SRC_NUMBERS_H_

#include <nanobind/nanobind.h>

#include <cstdint>
#include <optional>
#include <vector>

namespace kvsift::python {

// Raise TypeError if it is no integer, ValueError if it does not fit.
int32_t ToInt32(nanobind::handle number, const char* field);
int64_t ToInt64(nanobind::handle number, const char* field);
uint64_t ToUint64(nanobind::handle number, const char* field);
std::optional<uint64_t> ToEpoch(nanobind::handle number, const char* field);  // None: nothing

// Raises TypeError if it is no bool.
bool ToBool(nanobind::handle value, const char* field);

// Raise TypeError if an element is no integer, ValueError if it does not fit or, with `size` >= 0,
// if there are more or fewer. None is an empty list, whatever `size` is.
std::vector<int64_t> Int64List(nanobind::handle object, const char* field, int64_t size = -1);
std::vector<uint64_t> Uint64List(nanobind::handle object, const char* field, int64_t size = -1);
std::vector<int32_t> Int32List(nanobind::handle object, const char* field, int64_t size = -1);

// Elements may be None: nothing is expected there.
std::vector<std::optional<uint64_t>> EpochList(nanobind::handle object, const char* field,
                                               int64_t size);

}  // namespace kvsift::python

#endif  // KVSIFT_CLIENT_PYTHON_SRC_NUMBERS_H_
