// `kvsift-load compare A.json B.json`.
#ifndef KVSIFT_CLIENT_LOAD_COMPARE_COMMAND_H_
#define KVSIFT_CLIENT_LOAD_COMPARE_COMMAND_H_

#include <string>

#include "absl/status/statusor.h"
#include "client/load/compare.h"
#include "nlohmann/json.hpp"

namespace kvsift::load {

// A result in a file, as `--format json` printed it.
//
// Errors, which name the file:
//   NOT_FOUND         it cannot be opened; says why
//   INVALID_ARGUMENT  it is a folder, not JSON, or not a result: names the fields that are missing
absl::StatusOr<nlohmann::ordered_json> ReadResult(const std::string& path);

// {"figures": {"p50": {"a": .., "b": .., "change": .., "verdict": "worse", "judgement": ".."}},
// "warnings": [..]}; verdicts are better, worse, within_noise, too_little_data.
nlohmann::ordered_json ComparisonJson(const Comparison& comparison);

// A table, the warnings, and what noise means.
std::string ComparisonTable(const Comparison& comparison);

// Prints the comparison of two files on standard output, or what is wrong with one of them on
// standard error. Returns the exit code: 0, or 2 where a file cannot be read.
int RunCompare(const std::string& path_a, const std::string& path_b, bool json);

}  // namespace kvsift::load

#endif  // KVSIFT_CLIENT_LOAD_COMPARE_COMMAND_H_
