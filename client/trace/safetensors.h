// Reads safetensors files: an 8-byte little-endian header length, that many bytes of JSON (name
// to dtype, shape, data_offsets), then the tensors' bytes.
//
// Files are untrusted. Whatever a header claims is checked against the file before anything is
// touched or allocated: lengths, nesting, products of shapes, overlaps and holes.
#ifndef KVSIFT_CLIENT_TRACE_SAFETENSORS_H_
#define KVSIFT_CLIENT_TRACE_SAFETENSORS_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/trace/mapped_file.h"

namespace kvsift::trace {

// Headers longer than this are refused.
inline constexpr uint64_t kMaxHeaderBytes = uint64_t{16} << 20;

// One tensor of a file, row-major.
struct Tensor {
  std::string dtype;  // as the file spells it: "F16", "I32", ...
  std::vector<int64_t> shape;
  std::span<const std::byte> bytes;  // little-endian elements; may be unaligned
};

// Movable; the spans of its tensors stay valid across moves and as long as it lives.
class SafetensorsFile {
 public:
  // Maps the file and checks its header.
  // Errors: NOT_FOUND if there is no such file; INVALID_ARGUMENT, naming the file and the tensor,
  // if it is not what the format promises.
  static absl::StatusOr<SafetensorsFile> Open(const std::string& path);

  // The tensor, or nullptr.
  const Tensor* Find(const std::string& name) const;

  const std::string& path() const { return file_.path(); }
  const std::map<std::string, Tensor>& tensors() const { return tensors_; }

  // The file's own remarks about itself.
  const std::map<std::string, std::string>& metadata() const { return metadata_; }

 private:
  explicit SafetensorsFile(MappedFile file) : file_(std::move(file)) {}

  MappedFile file_;
  std::map<std::string, Tensor> tensors_;
  std::map<std::string, std::string> metadata_;
};

}  // namespace kvsift::trace

#endif  // KVSIFT_CLIENT_TRACE_SAFETENSORS_H_
