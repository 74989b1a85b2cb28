// The module kvsift._core: what the package's Python code calls. Its functions take every argument
// by place; kvsift/client.py and kvsift/store.py are what users meet.
#include <nanobind/nanobind.h>

#include "client/python/src/bind_client.h"
#include "client/python/src/bind_store.h"
#include "client/python/src/gil.h"
#include "client/python/src/names.h"
#include "client/python/src/pending.h"
#include "client/python/src/selection.h"

namespace nb = nanobind;

NB_MODULE(_core, module) {
  // Clients and answers may live in globals until the process ends.
  nb::set_leak_warnings(false);
  kvsift::python::CountTakersAnewInForks();
  nb::class_<kvsift::Policy>(module, "CorePolicy");
  module.def("make_policy", &kvsift::python::MakePolicy);
  module.def("keep_others_waiting", &kvsift::python::KeepOthersWaiting);
  kvsift::python::BindSelection(module);
  kvsift::python::BindPending(module);
  kvsift::python::BindStore(module);
  kvsift::python::BindClient(module);
}
