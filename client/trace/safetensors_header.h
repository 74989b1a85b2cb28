// The JSON header of a safetensors file, parsed without trusting it.
#ifndef KVSIFT_CLIENT_TRACE_SAFETENSORS_HEADER_H_
#define KVSIFT_CLIENT_TRACE_SAFETENSORS_HEADER_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace kvsift::trace {

// What a header says about one tensor. Nothing of it was compared with the data yet.
struct TensorHeader {
  std::string dtype;
  std::vector<uint64_t> shape;
  std::vector<uint64_t> data_offsets;  // begin and end, from the first byte after the header
};

struct SafetensorsHeader {
  std::map<std::string, TensorHeader> tensors;
  std::map<std::string, std::string> metadata;  // the entry "__metadata__"
};

// Parses header JSON in one pass that keeps no tree: input of a form that a header cannot have
// (deeper nesting, other types, more than 8 dimensions, repeated names) ends it where it occurs.
// Errors: INVALID_ARGUMENT, naming the tensor.
absl::StatusOr<SafetensorsHeader> ParseSafetensorsHeader(std::string_view json);

}  // namespace kvsift::trace

#endif  // KVSIFT_CLIENT_TRACE_SAFETENSORS_HEADER_H_
