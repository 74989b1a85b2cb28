#include "server/rpc/trace_context.h"

#include <cstddef>
#include <iterator>

namespace kvsift {
namespace {

// version "-" trace-id "-" parent-id "-" trace-flags.
constexpr size_t kVersionAt = 0;
constexpr size_t kTraceAt = 3;
constexpr size_t kSpanAt = 36;
constexpr size_t kFlagsAt = 53;
constexpr size_t kVersionDigits = 2;
constexpr size_t kTraceDigits = 32;
constexpr size_t kSpanDigits = 16;
constexpr size_t kFlagsDigits = 2;
constexpr size_t kLength = kFlagsAt + kFlagsDigits;

bool IsHex(std::string_view text) {
  return text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

bool IsIdentifier(std::string_view text) {
  return IsHex(text) && text.find_first_not_of('0') != std::string_view::npos;
}

// The header's optional white space, which proxies may leave in place.
std::string_view Trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

}  // namespace

std::optional<TraceContext> ParseTraceparent(std::string_view value) {
  const std::string_view text = Trimmed(value);
  if (text.size() < kLength) return std::nullopt;
  const std::string_view version = text.substr(kVersionAt, kVersionDigits);
  const std::string_view trace = text.substr(kTraceAt, kTraceDigits);
  const std::string_view span = text.substr(kSpanAt, kSpanDigits);
  const bool has_dashes =
      text[kTraceAt - 1] == '-' && text[kSpanAt - 1] == '-' && text[kFlagsAt - 1] == '-';
  // Version 00 ends here; "ff" is none; later ones may go on after another dash.
  const bool ends_well = text.size() == kLength || (version != "00" && text[kLength] == '-');
  if (!has_dashes || !ends_well || !IsHex(version) || version == "ff" || !IsIdentifier(trace) ||
      !IsIdentifier(span) || !IsHex(text.substr(kFlagsAt, kFlagsDigits))) {
    return std::nullopt;
  }
  return TraceContext{std::string(trace), std::string(span)};
}

std::optional<TraceContext> TraceContextOf(const grpc::ServerContext& context) {
  const auto& metadata = context.client_metadata();
  const auto [first, last] = metadata.equal_range("traceparent");
  if (first == last || std::next(first) != last) return std::nullopt;
  return ParseTraceparent({first->second.data(), first->second.size()});
}

}  // namespace kvsift
