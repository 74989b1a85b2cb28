#include "server/config_file.h"

#include <fstream>
#include <sstream>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace kvsift {
namespace {

std::string Unquoted(absl::string_view value) {
  if (value.size() >= 2 && value.front() == '"' && value.back() == '"') {
    value = value.substr(1, value.size() - 2);
  }
  return std::string(value);
}

}  // namespace

absl::StatusOr<std::vector<ConfigLine>> ParseConfig(const std::string& name,
                                                    const std::string& text) {
  std::vector<ConfigLine> lines;
  int number = 0;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    ++number;
    line = absl::StripAsciiWhitespace(line);
    if (line.empty() || line.front() == '#') continue;
    const std::pair<absl::string_view, absl::string_view> parts =
        absl::StrSplit(line, absl::MaxSplits('=', 1));
    ConfigLine parsed{number, std::string(absl::StripAsciiWhitespace(parts.first)),
                      Unquoted(absl::StripAsciiWhitespace(parts.second))};
    if (parsed.key.empty() || parsed.value.empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat(name, ":", number, ": expected key = value: ", line));
    }
    lines.push_back(std::move(parsed));
  }
  return lines;
}

absl::StatusOr<std::string> ReadConfigFile(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  // Nothing comes out of an empty file, which is no error.
  const bool is_empty = file.is_open() && file.peek() == std::ifstream::traits_type::eof();
  if (!is_empty) text << file.rdbuf();
  if (!file.is_open() || file.bad() || !text) {
    return absl::NotFoundError(absl::StrCat(path, ": cannot be read"));
  }
  return text.str();
}

}  // namespace kvsift
