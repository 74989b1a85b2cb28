// Arrays that Python hands over: numpy arrays, torch tensors and whatever else speaks the buffer
// protocol or DLPack. Read where they lie; nothing is copied.
#ifndef KVSIFT_CLIENT_PYTHON_SRC_ARRAYS_H_
#define KVSIFT_CLIENT_PYTHON_SRC_ARRAYS_H_

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "kernels/format/element.h"
#include "kvsift/vectors.h"

namespace kvsift::python {

// One axis of the shape that an array must have.
struct Axis {
  const char* name;
  int64_t size;
};

// Keeps the memory of an array alive. Contiguous in C order, on the CPU, or none at all.
using Array = nanobind::ndarray<nanobind::ro>;

// The array in `object`, or an empty one for None.
// Raises TypeError if it is no array or lies on another device, ValueError if it is not
// contiguous; both say what to do.
Array ImportArray(nanobind::handle object, const char* field);

// Vectors whose codes have `planes` planes of `words` words.
struct VectorShape {
  std::vector<Axis> axes;  // those before head_dim
  int64_t head_dim;
  std::vector<int64_t> planes;  // that a code may have
  int64_t words;
};

// Views raw vectors [axes..., head_dim] of float16, bfloat16 or float32, or codes
// [axes..., planes, words] of uint32 or int32. Empty for an empty Array.
// Raises TypeError for another element type, ValueError for another shape.
client::Vectors ViewVectors(const Array& array, const VectorShape& shape, const char* field);

// Views raw vectors of any shape. Raises as ViewVectors, for codes too.
client::Vectors ViewRawVectors(const Array& array, const char* field);

// Views float32 elements of that shape. Raises as ViewVectors.
std::span<const float> ViewFloats(const Array& array, const std::vector<Axis>& axes,
                                  const char* field);

// A writable int32 array for answers; contiguous and on the CPU.
using OutArray = nanobind::ndarray<int32_t, nanobind::c_contig, nanobind::device::cpu>;

// Raises TypeError or ValueError as ImportArray, and for read-only arrays.
OutArray ImportOut(nanobind::handle object);

}  // namespace kvsift::python

#endif  // KVSIFT_CLIENT_PYTHON_SRC_ARRAYS_H_
