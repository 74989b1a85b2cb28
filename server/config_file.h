// Config files: one option a line, `key = value`, as the command line's --key=value.
#ifndef KVSIFT_SERVER_CONFIG_FILE_H_
#define KVSIFT_SERVER_CONFIG_FILE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace kvsift {

struct ConfigLine {
  int number = 0;  // 1 is the first line of the file
  std::string key;
  std::string value;
};

// Lines of `text` that say something, in their order. Empty lines and lines that start with # are
// left out; the value may be in double quotes; spaces around key and value do not count.
// Errors: INVALID_ARGUMENT, "NAME:LINE: ...", for a line that is not `key = value`.
absl::StatusOr<std::vector<ConfigLine>> ParseConfig(const std::string& name,
                                                    const std::string& text);

// The whole file. Errors: NOT_FOUND if it cannot be read.
absl::StatusOr<std::string> ReadConfigFile(const std::string& path);

}  // namespace kvsift

#endif  // KVSIFT_SERVER_CONFIG_FILE_H_
