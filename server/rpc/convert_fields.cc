#include "server/rpc/convert_fields.h"

#include "absl/strings/str_cat.h"
#include "server/engine/field_error.h"

namespace kvsift {
namespace {

constexpr int kMaxPageSize = 1000;
constexpr int kDefaultPageSize = 100;

absl::string_view View(std::string_view text) { return {text.data(), text.size()}; }

std::optional<int64_t> Product(std::initializer_list<Factor> factors) {
  int64_t product = 1;
  for (const Factor& factor : factors) {
    if (__builtin_mul_overflow(product, factor.value, &product)) return std::nullopt;
  }
  return product;
}

// "(2 query tokens x 32 query heads x 64 bytes)".
std::string Explanation(std::initializer_list<Factor> factors) {
  std::string text = "(";
  for (const Factor& factor : factors) {
    absl::StrAppend(&text, text.size() > 1 ? " x " : "", factor.value, " ", View(factor.what));
  }
  return text + ")";
}

}  // namespace

std::string Indexed(std::string_view name, int64_t index) {
  return absl::StrCat(View(name), "[", index, "]");
}

absl::Status CheckRange(std::string_view field, int64_t value, int64_t min, int64_t max) {
  if (min <= value && value <= max) return absl::OkStatus();
  return InvalidField(field, value, absl::StrCat(min, " to ", max));
}

absl::Status CheckSize(std::string_view field, int64_t size, int64_t expected,
                       std::string_view what) {
  if (size == expected) return absl::OkStatus();
  return InvalidField(field, absl::StrCat(size, " elements"),
                      absl::StrCat(expected, " elements, ", View(what)));
}

absl::StatusOr<int64_t> SumOfCounts(std::string_view field, std::span<const int64_t> counts) {
  int64_t sum = 0;
  for (size_t i = 0; i < counts.size(); ++i) {
    if (counts[i] < 0) return InvalidField(Indexed(field, i), counts[i], "at least 0");
    if (__builtin_add_overflow(sum, counts[i], &sum)) {
      return InvalidField(Indexed(field, i), counts[i], "a sum of counts below 2^63");
    }
  }
  return sum;
}

absl::Status CheckBytes(std::string_view field, size_t bytes,
                        std::initializer_list<Factor> factors) {
  const auto expected = Product(factors);
  if (expected.has_value() && static_cast<uint64_t>(*expected) == bytes) return absl::OkStatus();
  const std::string size =
      expected.has_value() ? absl::StrCat(*expected, " bytes") : "more bytes than a message has";
  return InvalidField(field, absl::StrCat(bytes, " bytes"),
                      absl::StrCat(size, " ", Explanation(factors)));
}

absl::StatusOr<std::optional<ElementType>> ConvertElementType(std::string_view field,
                                                              v1::ElementType type) {
  switch (type) {
    case v1::ELEMENT_TYPE_UNSPECIFIED:
      return std::nullopt;
    case v1::ELEMENT_TYPE_FLOAT16:
      return ElementType::kFloat16;
    case v1::ELEMENT_TYPE_BFLOAT16:
      return ElementType::kBfloat16;
    case v1::ELEMENT_TYPE_FLOAT32:
      return ElementType::kFloat32;
    default:
      return InvalidField(field, static_cast<int64_t>(type), "an ElementType");
  }
}

absl::StatusOr<int> ConvertPageSize(int32_t page_size) {
  absl::Status valid = CheckRange("page_size", page_size, 0, kMaxPageSize);
  if (!valid.ok()) return valid;
  return page_size == 0 ? kDefaultPageSize : page_size;
}

}  // namespace kvsift
