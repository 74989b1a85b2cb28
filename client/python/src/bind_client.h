// Calls on a server and its stores.
#ifndef KVSIFT_CLIENT_PYTHON_SRC_BIND_CLIENT_H_
#define KVSIFT_CLIENT_PYTHON_SRC_BIND_CLIENT_H_

#include <nanobind/nanobind.h>

namespace kvsift::python {

void BindClient(nanobind::module_& module);

}  // namespace kvsift::python

#endif  // KVSIFT_CLIENT_PYTHON_SRC_BIND_CLIENT_H_
