#include "client/python/src/arrays.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/python/src/raise.h"

namespace nb = nanobind;

namespace kvsift::python {
namespace {

using nb::dlpack::dtype_code;

// DLPack's numbers for memory that the host reads.
constexpr int kCpu = nb::device::cpu::value;
constexpr int kCudaHost = nb::device::cuda_host::value;
constexpr int kRocmHost = nb::device::rocm_host::value;

bool IsHost(int device_type) {
  return device_type == kCpu || device_type == kCudaHost || device_type == kRocmHost;
}

[[noreturn]] void RaiseOtherDevice(const char* field, int device_type) {
  RaiseTypeError(absl::StrCat(field, ": lies on another device (DLPack device type ", device_type,
                              "), expected the CPU: copy it with .cpu(), or encode it where it is "
                              "with kvsift.torch and copy the codes, which are smaller"));
}

// DLPack's device type of an object that tells it.
std::optional<int> DeviceType(nb::handle object) {
  const nb::object device =
      nb::steal(PyObject_CallMethod(object.ptr(), "__dlpack_device__", nullptr));
  int type = 0;
  if (device.is_valid() && nb::isinstance<nb::tuple>(device) && nb::try_cast(device[0], type)) {
    return type;
  }
  PyErr_Clear();
  return std::nullopt;
}

// Why an object that is no array to nanobind is none.
[[noreturn]] void RaiseNoArray(nb::handle object, const char* field) {
  const std::optional<int> device = DeviceType(object);
  if (device && !IsHost(*device)) RaiseOtherDevice(field, *device);
  std::string element;
  if (nb::hasattr(object, "dtype")) {
    const nb::object dtype = object.attr("dtype");
    element = absl::StrCat(" of ", nb::str(dtype).c_str());
  }
  RaiseTypeError(absl::StrCat(field, ": ", TypeName(object), element,
                              ", expected a numpy array, a torch tensor on the CPU or another "
                              "array that speaks the buffer protocol or DLPack"));
}

template <typename AnyArray>
std::string ShapeName(const AnyArray& array) {
  return absl::StrCat("[", absl::StrJoin(array.shape_ptr(), array.shape_ptr() + array.ndim(), ", "),
                      "]");
}

std::string ElementName(const nb::dlpack::dtype& type) {
  switch (static_cast<dtype_code>(type.code)) {
    case dtype_code::Int:
      return absl::StrCat("int", type.bits);
    case dtype_code::UInt:
      return absl::StrCat("uint", type.bits);
    case dtype_code::Float:
      return absl::StrCat("float", type.bits);
    case dtype_code::Bfloat:
      return absl::StrCat("bfloat", type.bits);
    case dtype_code::Bool:
      return "bool";
    default:
      return absl::StrCat("elements of ", type.bits, " bits");
  }
}

template <typename AnyArray>
bool IsContiguous(const AnyArray& array) {
  if (array.size() == 0) return true;
  int64_t expected = 1;
  for (size_t i = array.ndim(); i-- > 0;) {
    if (array.shape(i) != 1 && array.stride(i) != expected) return false;
    expected *= static_cast<int64_t>(array.shape(i));
  }
  return true;
}

template <typename AnyArray>
void CheckPlace(const AnyArray& array, const char* field) {
  if (!IsHost(array.device_type())) RaiseOtherDevice(field, array.device_type());
  if (!IsContiguous(array)) {
    RaiseValueError(absl::StrCat(field, ": not contiguous (shape ", ShapeName(array),
                                 "): pass it through .contiguous() or np.ascontiguousarray()"));
  }
}

std::string AxesName(const std::vector<Axis>& axes) {
  return absl::StrCat("[",
                      absl::StrJoin(axes, ", ",
                                    [](std::string* out, const Axis& axis) {
                                      absl::StrAppend(out, axis.name, " ", axis.size);
                                    }),
                      "]");
}

bool HasShape(const Array& array, const std::vector<Axis>& axes) {
  if (array.ndim() != axes.size()) return false;
  for (size_t i = 0; i < axes.size(); ++i) {
    if (static_cast<int64_t>(array.shape(i)) != axes[i].size) return false;
  }
  return true;
}

[[noreturn]] void RaiseShape(const Array& array, const std::vector<Axis>& axes, const char* field) {
  RaiseValueError(absl::StrCat(field, ": shape ", ShapeName(array), ", expected ", AxesName(axes)));
}

std::optional<ElementType> RawType(const nb::dlpack::dtype& type) {
  if (type == nb::dlpack::dtype{static_cast<uint8_t>(dtype_code::Float), 16, 1}) {
    return ElementType::kFloat16;
  }
  if (type == nb::dlpack::dtype{static_cast<uint8_t>(dtype_code::Bfloat), 16, 1}) {
    return ElementType::kBfloat16;
  }
  if (type == nb::dtype<float>()) return ElementType::kFloat32;
  return std::nullopt;
}

std::span<const std::byte> Bytes(const Array& array) {
  return {static_cast<const std::byte*>(array.data()), array.nbytes()};
}

void CheckCodeShape(const Array& array, const VectorShape& shape, const char* field) {
  std::vector<Axis> axes = shape.axes;
  axes.push_back({"planes", shape.planes.front()});
  axes.push_back({"words", shape.words});
  const size_t planes_axis = axes.size() - 2;
  if (array.ndim() == axes.size()) {
    const auto planes = static_cast<int64_t>(array.shape(planes_axis));
    const auto found = std::find(shape.planes.begin(), shape.planes.end(), planes);
    if (found != shape.planes.end()) axes[planes_axis].size = planes;
  }
  if (!HasShape(array, axes)) RaiseShape(array, axes, field);
}

}  // namespace

Array ImportArray(nb::handle object, const char* field) {
  Array array;
  if (object.is_none()) return array;
  if (!nb::try_cast(object, array, false)) RaiseNoArray(object, field);
  CheckPlace(array, field);
  return array;
}

client::Vectors ViewVectors(const Array& array, const VectorShape& shape, const char* field) {
  if (!array.is_valid()) return {};
  if (const std::optional<ElementType> raw = RawType(array.dtype())) {
    std::vector<Axis> axes = shape.axes;
    axes.push_back({"head_dim", shape.head_dim});
    if (!HasShape(array, axes)) RaiseShape(array, axes, field);
    return {Bytes(array), raw};
  }
  if (array.dtype() != nb::dtype<uint32_t>() && array.dtype() != nb::dtype<int32_t>()) {
    RaiseTypeError(absl::StrCat(field, ": ", ElementName(array.dtype()),
                                ", expected vectors of float16, bfloat16 or float32, or codes of "
                                "uint32 or int32"));
  }
  CheckCodeShape(array, shape, field);
  return {Bytes(array), std::nullopt};
}

client::Vectors ViewRawVectors(const Array& array, const char* field) {
  const std::optional<ElementType> raw = RawType(array.dtype());
  if (!raw) {
    RaiseTypeError(absl::StrCat(field, ": ", ElementName(array.dtype()),
                                ", expected float16, bfloat16 or float32"));
  }
  return {Bytes(array), raw};
}

std::span<const float> ViewFloats(const Array& array, const std::vector<Axis>& axes,
                                  const char* field) {
  if (!array.is_valid()) return {};
  if (array.dtype() != nb::dtype<float>()) {
    RaiseTypeError(absl::StrCat(field, ": ", ElementName(array.dtype()), ", expected float32"));
  }
  if (!HasShape(array, axes)) RaiseShape(array, axes, field);
  return {static_cast<const float*>(array.data()), array.size()};
}

OutArray ImportOut(nb::handle object) {
  OutArray out;
  if (nb::try_cast(object, out, false)) return out;
  const Array array = ImportArray(object, "out");
  if (array.dtype() != nb::dtype<int32_t>()) {
    RaiseTypeError(absl::StrCat("out: ", ElementName(array.dtype()), ", expected int32"));
  }
  RaiseValueError("out: read-only, expected an array to write to");
}

}  // namespace kvsift::python
