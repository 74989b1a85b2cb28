// How many bytes a call is on the wire.
#ifndef KVSIFT_CLIENT_LOAD_MESSAGE_SIZES_H_
#define KVSIFT_CLIENT_LOAD_MESSAGE_SIZES_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "client/load/plan.h"
#include "kvsift/select.h"
#include "kvsift/store.h"

namespace kvsift::load {

// Messages as they are serialized, without the transport's frames.
struct MessageSizes {
  int64_t request_bytes = 0;
  int64_t answer_bytes = 0;
};

// Of a step or a selection and its padded answer. Identifiers and lengths, which are varints,
// make calls of the same shape differ by a few bytes.
absl::StatusOr<MessageSizes> SizesOf(const client::Store& store,
                                     const client::StepRequest& request);
absl::StatusOr<MessageSizes> SizesOf(const client::Store& store,
                                     const client::SelectRequest& request);

}  // namespace kvsift::load

#endif  // KVSIFT_CLIENT_LOAD_MESSAGE_SIZES_H_
