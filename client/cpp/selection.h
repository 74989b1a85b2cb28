// Selections to and from the wire.
#ifndef KVSIFT_CLIENT_CPP_SELECTION_H_
#define KVSIFT_CLIENT_CPP_SELECTION_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "kvsift/select.h"
#include "kvsift/store.h"
#include "kvsift/v1/selection.pb.h"

namespace kvsift::client {

// Fills in the step that asks for it, an empty message; a selection is one without keys.
// Errors of both: INVALID_ARGUMENT if sizes do not match, or as KeySource::Make.
absl::Status ToProto(const Store& store, const SelectRequest& request, v1::StepRequest& out);
absl::Status ToProto(const Store& store, const StepRequest& request, v1::StepRequest& out);

// Rows that each entry's answer begins at [entries + 1]. REQUIRES: ToProto accepted the request.
std::vector<int64_t> EntryRows(const Store& store, const SelectRequest& request);
std::vector<int64_t> EntryRows(const Store& store, const StepRequest& request);

// The answer; `entry_rows` is what was asked for.
// Errors: INTERNAL if it is not what the request asked for.
absl::StatusOr<SelectionResult> FromProto(const v1::StepResponse& response,
                                          std::vector<int64_t> entry_rows);

}  // namespace kvsift::client

#endif  // KVSIFT_CLIENT_CPP_SELECTION_H_
