// Values inside entries: raw elements, query codes, scales. (Visible lengths depend on state: the
// engine checks them.)
//
// A message is checked as one range first, because bad values are rare and the range is long; only
// where that finds something are the entries looked at one by one.
#ifndef KVSIFT_SERVER_RPC_CONVERT_VALUES_H_
#define KVSIFT_SERVER_RPC_CONVERT_VALUES_H_

#include <cstdint>
#include <string_view>

#include "absl/status/status.h"
#include "kernels/format/element.h"
#include "kernels/format/store_format.h"
#include "server/rpc/convert_step.h"

namespace kvsift {

// An element that is not finite or exceeds 2^32 in magnitude, as INVALID_ARGUMENT naming
// "field[index]"; `index` and its element are in `data`.
absl::Status InvalidElement(std::string_view field, const VectorData& data, int64_t index);

// Each marks the entries of `input` that hold a bad value as invalid.
// REQUIRES: entries and request.keys (or request.queries) are set and their sizes were checked;
// `keys` is the sum of key counts.
void MarkInvalidKeys(const StoreShape& shape, int64_t keys, StepInput& input);
void MarkInvalidQueries(const StoreShape& shape, StepInput& input);

}  // namespace kvsift

#endif  // KVSIFT_SERVER_RPC_CONVERT_VALUES_H_
