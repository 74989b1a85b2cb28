// Checks that fields of several messages share: sizes that untrusted numbers make, enums, lists.
#ifndef KVSIFT_SERVER_RPC_CONVERT_FIELDS_H_
#define KVSIFT_SERVER_RPC_CONVERT_FIELDS_H_

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "kernels/format/element.h"
#include "kvsift/v1/store.pb.h"

namespace kvsift {

// "name[index]".
std::string Indexed(std::string_view name, int64_t index);

// Errors: INVALID_ARGUMENT unless min <= value <= max.
absl::Status CheckRange(std::string_view field, int64_t value, int64_t min, int64_t max);

// Errors: INVALID_ARGUMENT unless an array has as many elements as its message has entries.
absl::Status CheckSize(std::string_view field, int64_t size, int64_t expected,
                       std::string_view what);

// Sum of `counts`. Errors: INVALID_ARGUMENT if one is negative or they exceed int64.
absl::StatusOr<int64_t> SumOfCounts(std::string_view field, std::span<const int64_t> counts);

// One factor of a byte count, and what it counts.
struct Factor {
  int64_t value = 0;
  std::string_view what;
};

// Errors: INVALID_ARGUMENT unless `bytes` is the product of `factors`, which are not negative; a
// product beyond int64 equals no size.
absl::Status CheckBytes(std::string_view field, size_t bytes,
                        std::initializer_list<Factor> factors);

// The element type of raw vectors, or nothing for codes.
// Errors: INVALID_ARGUMENT for a value that this server does not know.
absl::StatusOr<std::optional<ElementType>> ConvertElementType(std::string_view field,
                                                              v1::ElementType type);

// How many items a page of a list has. Errors: INVALID_ARGUMENT unless 0 to 1000; 0 means 100.
absl::StatusOr<int> ConvertPageSize(int32_t page_size);

}  // namespace kvsift

#endif  // KVSIFT_SERVER_RPC_CONVERT_FIELDS_H_
