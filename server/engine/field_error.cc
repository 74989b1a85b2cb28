#include "server/engine/field_error.h"

#include <utility>
#include <vector>

#include "absl/strings/cord.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

namespace kvsift {
namespace {

constexpr char kPayloadType[] = "kvsift.v1.ErrorDetail";
constexpr size_t kMaxValueBytes = 128;
constexpr char kEllipsis[] = "...";

absl::string_view View(std::string_view text) { return {text.data(), text.size()}; }

// Escaped text has no line breaks, so they can separate the parts of a payload.
std::string Escaped(std::string_view text) { return absl::CHexEscape(View(text)); }

std::string Shortened(std::string text) {
  if (text.size() <= kMaxValueBytes) return text;
  text.resize(kMaxValueBytes - (sizeof(kEllipsis) - 1));
  return text + kEllipsis;
}

}  // namespace

absl::Status FieldError(absl::StatusCode code, std::string_view field, std::string_view value,
                        std::string_view limit) {
  const std::string shown_field = Escaped(field);
  const std::string shown_value = Shortened(Escaped(value.substr(0, kMaxValueBytes + 1)));
  const std::string shown_limit = Escaped(limit);
  absl::Status status(code,
                      absl::StrCat(shown_field, ": ", shown_value, ", expected ", shown_limit));
  status.SetPayload(kPayloadType,
                    absl::Cord(absl::StrCat(shown_field, "\n", shown_value, "\n", shown_limit)));
  return status;
}

absl::Status InvalidField(std::string_view field, std::string_view value, std::string_view limit) {
  return FieldError(absl::StatusCode::kInvalidArgument, field, value, limit);
}

absl::Status InvalidField(std::string_view field, int64_t value, std::string_view limit) {
  return InvalidField(field, std::to_string(value), limit);
}

std::optional<FieldViolation> FieldViolationOf(const absl::Status& status) {
  const auto payload = status.GetPayload(kPayloadType);
  if (!payload.has_value()) return std::nullopt;
  std::vector<std::string> parts = absl::StrSplit(std::string(*payload), '\n');
  if (parts.size() != 3) return std::nullopt;
  return FieldViolation{std::move(parts[0]), std::move(parts[1]), std::move(parts[2])};
}

}  // namespace kvsift
