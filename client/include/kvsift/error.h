// Errors as clients see them: absl::Status with the server's details attached.
#ifndef KVSIFT_CLIENT_INCLUDE_KVSIFT_ERROR_H_
#define KVSIFT_CLIENT_INCLUDE_KVSIFT_ERROR_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"

namespace kvsift::client {

// Which field of a refused message is wrong.
struct ErrorDetail {
  std::string field = {};  // path in the request, such as "policies[1].k"
  std::string value = {};  // what was sent, shortened
  std::string limit = {};  // what would have been accepted
};

// The detail that the server attached to `status`, if it did.
std::optional<ErrorDetail> GetErrorDetail(const absl::Status& status);

// Why one entry of a batch failed. Nothing of its sequence has changed; its neighbours are
// answered.
struct EntryError {
  int32_t entry = 0;         // index into the request's entries
  absl::Status status = {};  // the code says what to do: the proto's EntryError lists them
  int64_t length = 0;        // current length of the layer the error is about
  uint64_t epoch = 0;        // current epoch; 0 if the sequence does not exist
};

}  // namespace kvsift::client

#endif  // KVSIFT_CLIENT_INCLUDE_KVSIFT_ERROR_H_
