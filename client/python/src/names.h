// Choices that Python makes by name.
#ifndef KVSIFT_CLIENT_PYTHON_SRC_NAMES_H_
#define KVSIFT_CLIENT_PYTHON_SRC_NAMES_H_

#include <nanobind/nanobind.h>

#include <string>

#include "kernels/select/policy.h"
#include "kvsift/append.h"
#include "kvsift/select.h"
#include "kvsift/store.h"

namespace kvsift::python {

// "client", "server". All raise ValueError with the names that there are.
client::EncodeOn EncodeOnFromName(nanobind::handle name);

// "fail", "replace_tail".
client::ConflictRule ConflictRuleFromName(nanobind::handle name);

// "padded", "packed".
client::RowLayout RowLayoutFromName(nanobind::handle name);

// Of (k, estimator, grouping, sinks, window), by the rules that hold for every server and length.
Policy MakePolicy(const nanobind::tuple& fields);

// "not_shared", "time_sliced", "mps" or "unspecified".
std::string SharingName(client::DeviceSharing sharing);

}  // namespace kvsift::python

#endif  // KVSIFT_CLIENT_PYTHON_SRC_NAMES_H_
