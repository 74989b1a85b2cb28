// A file as read-only memory.
#ifndef KVSIFT_CLIENT_TRACE_MAPPED_FILE_H_
#define KVSIFT_CLIENT_TRACE_MAPPED_FILE_H_

#include <cstddef>
#include <span>
#include <string>

#include "absl/status/statusor.h"

namespace kvsift::trace {

// Movable; the bytes stay where they are.
class MappedFile {
 public:
  // Errors: NOT_FOUND if there is no such file, INVALID_ARGUMENT if it is not a regular file with
  // content, PERMISSION_DENIED or UNKNOWN as the system says.
  static absl::StatusOr<MappedFile> Open(const std::string& path);

  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  ~MappedFile();

  const std::string& path() const { return path_; }
  std::span<const std::byte> bytes() const { return bytes_; }

 private:
  MappedFile(std::string path, std::span<const std::byte> bytes);

  std::string path_;
  std::span<const std::byte> bytes_;
};

}  // namespace kvsift::trace

#endif  // KVSIFT_CLIENT_TRACE_MAPPED_FILE_H_
