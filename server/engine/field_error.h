// Errors of whole requests: which field, what value, what would have been accepted.
//
// The three travel as a payload of the absl::Status, so that the service can put them into the
// wire's ErrorDetail without parsing a message.
#ifndef KVSIFT_SERVER_ENGINE_FIELD_ERROR_H_
#define KVSIFT_SERVER_ENGINE_FIELD_ERROR_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace kvsift {

struct FieldViolation {
  std::string field;  // path in the request, such as "policies[1].k"
  std::string value;  // what was sent: escaped, at most 128 bytes
  std::string limit;  // what would have been accepted, such as "1 to 65536"

  bool operator==(const FieldViolation&) const = default;
};

// A status with the message "field: value, expected limit" that carries a FieldViolation. Bytes of
// `value` that are not printable ASCII are escaped, and its end is cut off if it is long.
// REQUIRES: code is not OK.
absl::Status FieldError(absl::StatusCode code, std::string_view field, std::string_view value,
                        std::string_view limit);

// FieldError of INVALID_ARGUMENT.
absl::Status InvalidField(std::string_view field, std::string_view value, std::string_view limit);
absl::Status InvalidField(std::string_view field, int64_t value, std::string_view limit);

// The violation that `status` carries, or nothing.
std::optional<FieldViolation> FieldViolationOf(const absl::Status& status);

}  // namespace kvsift

#endif  // KVSIFT_SERVER_ENGINE_FIELD_ERROR_H_
