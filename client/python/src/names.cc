#include "client/python/src/names.h"

#include <array>
#include <limits>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/python/src/numbers.h"
#include "client/python/src/raise.h"

namespace nb = nanobind;

namespace kvsift::python {
namespace {

std::string_view Text(nb::handle name, const char* field) {
  Py_ssize_t size = 0;
  const char* text =
      PyUnicode_Check(name.ptr()) ? PyUnicode_AsUTF8AndSize(name.ptr(), &size) : nullptr;
  if (text == nullptr) {
    PyErr_Clear();
    RaiseTypeError(absl::StrCat(field, ": ", TypeName(name), ", expected a str"));
  }
  return {text, static_cast<size_t>(size)};
}

[[noreturn]] void RaiseUnknown(std::string_view name, const char* field, const char* expected) {
  RaiseValueError(absl::StrCat(field, ": \"", std::string(name), "\", expected ", expected));
}

template <typename Value>
using Choice = std::pair<std::string_view, Value>;

template <typename Value>
Value Choose(nb::handle name, const char* field, const std::array<Choice<Value>, 2>& choices) {
  const std::string_view text = Text(name, field);
  for (const auto& [known, value] : choices) {
    if (text == known) return value;
  }
  RaiseUnknown(text, field,
               absl::StrCat("\"", std::string(choices[0].first), "\" or \"",
                            std::string(choices[1].first), "\"")
                   .c_str());
}

}  // namespace

client::EncodeOn EncodeOnFromName(nb::handle name) {
  return Choose<client::EncodeOn>(
      name, "encode",
      {{{"client", client::EncodeOn::kClient}, {"server", client::EncodeOn::kServer}}});
}

client::ConflictRule ConflictRuleFromName(nb::handle name) {
  return Choose<client::ConflictRule>(name, "on_conflict",
                                      {{{"fail", client::ConflictRule::kFail},
                                        {"replace_tail", client::ConflictRule::kReplaceTail}}});
}

client::RowLayout RowLayoutFromName(nb::handle name) {
  return Choose<client::RowLayout>(
      name, "layout",
      {{{"padded", client::RowLayout::kPadded}, {"packed", client::RowLayout::kPacked}}});
}

Policy MakePolicy(const nb::tuple& fields) {
  const std::string_view estimator_name = Text(fields[1], "estimator");
  const std::optional<Estimator> known_estimator = EstimatorFromName(estimator_name);
  if (!known_estimator) {
    RaiseUnknown(estimator_name, "estimator",
                 "\"manhattan\", \"squared_euclidean\", \"dot\" or \"asymmetric_dot\"");
  }
  const std::string_view grouping_name = Text(fields[2], "grouping");
  const std::optional<Grouping> known_grouping = GroupingFromName(grouping_name);
  if (!known_grouping) {
    RaiseUnknown(grouping_name, "grouping",
                 "\"head\", \"group_max\", \"group_sum\", \"group_union\" or \"layer_max\"");
  }
  const Policy policy = {.k = ToInt32(fields[0], "k"),
                         .estimator = *known_estimator,
                         .grouping = *known_grouping,
                         .sinks = ToInt32(fields[3], "sinks"),
                         .window = ToInt32(fields[4], "window")};
  const absl::Status status = ValidatePolicy(policy, std::numeric_limits<int32_t>::max());
  if (!status.ok()) RaiseValueError(std::string(status.message()));
  return policy;
}

std::string SharingName(client::DeviceSharing sharing) {
  switch (sharing) {
    case client::DeviceSharing::kUnspecified:
      return "unspecified";
    case client::DeviceSharing::kNotShared:
      return "not_shared";
    case client::DeviceSharing::kTimeSliced:
      return "time_sliced";
    case client::DeviceSharing::kMps:
      return "mps";
  }
  return "unspecified";
}

}  // namespace kvsift::python
