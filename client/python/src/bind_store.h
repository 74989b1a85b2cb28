// Calls on the sequences of a store.
#ifndef KVSIFT_CLIENT_PYTHON_SRC_BIND_STORE_H_
#define KVSIFT_CLIENT_PYTHON_SRC_BIND_STORE_H_

#include <nanobind/nanobind.h>

namespace kvsift::python {

void BindStore(nanobind::module_& module);

}  // namespace kvsift::python

#endif  // KVSIFT_CLIENT_PYTHON_SRC_BIND_STORE_H_
