#include "server/option_places.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace kvsift {

namespace {

// True if `word`, and no longer one, stands in `text` at `at`.
bool HasWord(const std::string& text, size_t at, const std::string& word) {
  if (text.compare(at, word.size(), word) != 0) return false;
  const size_t end = at + word.size();
  return end == text.size() || std::string(" ,:").find(text[end]) != std::string::npos;
}

}  // namespace

void OptionPlaces::Add(std::string option, std::string value, std::string where) {
  places_.push_back({std::move(option), std::move(value), std::move(where)});
}

std::string OptionPlaces::Locate(const std::string& message) const {
  const Place* found = nullptr;
  bool has_value = false;
  for (const Place& place : places_) {
    const std::string start = absl::StrCat("--", place.option, ": ");
    if (!absl::StartsWith(message, start)) continue;
    const bool is_exact = HasWord(message, start.size(), place.value);
    if (is_exact || !has_value) found = &place;
    has_value |= is_exact;
  }
  return found == nullptr ? message : absl::StrCat(found->where, ": ", message);
}

}  // namespace kvsift
