#include "client/python/src/raise.h"

#include <optional>
#include <stdexcept>

namespace nb = nanobind;

namespace kvsift::python {
namespace {

nb::object ErrorsModule() { return nb::module_::import_("kvsift.errors"); }

nb::str CodeName(const absl::Status& status) {
  return nb::str(absl::StatusCodeToString(status.code()).c_str());
}

nb::str Message(const absl::Status& status) {
  return nb::str(status.message().data(), status.message().size());
}

[[noreturn]] void RaiseObject(const nb::object& exception) {
  PyErr_SetObject(exception.type().ptr(), exception.ptr());
  throw nb::python_error();
}

}  // namespace

void Raise(const absl::Status& status) {
  const client::ErrorDetail detail = client::GetErrorDetail(status).value_or(client::ErrorDetail());
  RaiseObject(ErrorsModule().attr("from_status")(
      CodeName(status), Message(status), nb::str(detail.field.c_str()),
      nb::str(detail.value.c_str()), nb::str(detail.limit.c_str())));
}

void RaiseBatchError(const std::vector<client::EntryError>& errors, nb::handle result) {
  RaiseObject(ErrorsModule().attr("BatchError")(ToPython(errors), result));
}

void RaiseTypeError(const std::string& message) { throw nb::type_error(message.c_str()); }

void RaiseValueError(const std::string& message) { throw nb::value_error(message.c_str()); }

void RaiseIndexError(const std::string& message) { throw nb::index_error(message.c_str()); }

void RaiseRuntimeError(const std::string& message) { throw std::runtime_error(message); }

void RaisePythonError() { throw nb::python_error(); }

std::string TypeName(nb::handle object) { return nb::type_name(object.type()).c_str(); }

nb::object ToPython(const std::vector<client::EntryError>& errors) {
  nb::list list;
  if (errors.empty()) return nb::tuple(list);
  const nb::object entry_error = ErrorsModule().attr("EntryError");
  for (const client::EntryError& error : errors) {
    list.append(entry_error(error.entry, CodeName(error.status), Message(error.status),
                            error.length, error.epoch));
  }
  return nb::tuple(list);
}

}  // namespace kvsift::python
