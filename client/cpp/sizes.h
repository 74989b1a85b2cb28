// Sizes of vectors in requests, checked before anything is read.
#ifndef KVSIFT_CLIENT_CPP_SIZES_H_
#define KVSIFT_CLIENT_CPP_SIZES_H_

#include <cstdint>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"

namespace kvsift::client {

// More tokens than this in one request are refused, so that no product of sizes can overflow.
inline constexpr int64_t kMaxRequestTokens = int64_t{1} << 32;

// Adds a count of entry `entry` to `total`.
// Errors: INVALID_ARGUMENT if it is negative or the total becomes too large.
inline absl::Status AddTokens(std::string_view field, int64_t entry, int64_t count,
                              int64_t& total) {
  if (count < 0 || count > kMaxRequestTokens - total) {
    return absl::InvalidArgumentError(absl::StrCat("entries[", entry, "].", std::string(field),
                                                   ": ", count, ", expected 0 to ",
                                                   kMaxRequestTokens, " over all entries"));
  }
  total += count;
  return absl::OkStatus();
}

// Errors: INVALID_ARGUMENT, with both figures, if they differ.
inline absl::Status CheckBytes(std::string_view field, uint64_t bytes, int64_t expected,
                               std::string_view formula) {
  if (bytes == static_cast<uint64_t>(expected)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(std::string(field), ": ", bytes,
                                                 " bytes, expected ", expected, " (",
                                                 std::string(formula), ")"));
}

}  // namespace kvsift::client

#endif  // KVSIFT_CLIENT_CPP_SIZES_H_
