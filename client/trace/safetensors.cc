#include "client/trace/safetensors.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "client/trace/safetensors_header.h"

namespace kvsift::trace {
namespace {

constexpr size_t kLengthBytes = 8;

uint64_t LoadLength(std::span<const std::byte> bytes) {
  uint64_t length = 0;
  for (size_t i = 0; i < kLengthBytes; ++i) {
    length |= static_cast<uint64_t>(bytes[i]) << (8 * i);
  }
  return length;
}

// Bytes of an element, or 0 for a type that is not known.
uint64_t DtypeBytes(std::string_view dtype) {
  constexpr std::pair<std::string_view, uint64_t> kTypes[] = {
      {"BOOL", 1}, {"U8", 1},  {"I8", 1},  {"F8_E4M3", 1}, {"F8_E5M2", 1},
      {"U16", 2},  {"I16", 2}, {"F16", 2}, {"BF16", 2},    {"U32", 4},
      {"I32", 4},  {"F32", 4}, {"U64", 8}, {"I64", 8},     {"F64", 8}};
  for (const auto& [name, bytes] : kTypes) {
    if (name == dtype) return bytes;
  }
  return 0;
}

// element_bytes times all dimensions, or nothing if that exceeds `limit`.
std::optional<uint64_t> TensorBytes(uint64_t element_bytes, const std::vector<uint64_t>& shape,
                                    uint64_t limit) {
  // A dimension of 0 makes the product 0 however large the others are.
  if (std::find(shape.begin(), shape.end(), 0) != shape.end()) return 0;
  uint64_t bytes = element_bytes;
  for (const uint64_t dimension : shape) {
    if (dimension > limit / bytes) return std::nullopt;
    bytes *= dimension;
  }
  return bytes;
}

absl::StatusOr<Tensor> MakeTensor(const TensorHeader& header, std::span<const std::byte> data) {
  const uint64_t element_bytes = DtypeBytes(header.dtype);
  if (element_bytes == 0) {
    return absl::InvalidArgumentError(absl::StrCat("unknown dtype \"", header.dtype, "\""));
  }
  if (header.data_offsets.size() != 2 || header.data_offsets[0] > header.data_offsets[1] ||
      header.data_offsets[1] > data.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("data_offsets are not a range of the ", data.size(), " bytes of data"));
  }
  const auto [begin, end] = std::pair(header.data_offsets[0], header.data_offsets[1]);
  const std::optional<uint64_t> bytes = TensorBytes(element_bytes, header.shape, data.size());
  if (!bytes.has_value() || *bytes != end - begin) {
    return absl::InvalidArgumentError(absl::StrCat("data_offsets name ", end - begin,
                                                   " bytes, but the shape needs ",
                                                   bytes ? absl::StrCat(*bytes) : "more"));
  }
  Tensor tensor = {header.dtype, {}, data.subspan(begin, end - begin)};
  for (const uint64_t dimension : header.shape) {
    if (dimension > uint64_t{INT64_MAX}) return absl::InvalidArgumentError("a huge dimension");
    tensor.shape.push_back(static_cast<int64_t>(dimension));
  }
  return tensor;
}

// Tensors must follow each other from the first byte of data to the last.
absl::Status CheckCover(const SafetensorsHeader& header, uint64_t data_bytes) {
  std::vector<std::pair<std::pair<uint64_t, uint64_t>, std::string_view>> ranges;
  for (const auto& [name, tensor] : header.tensors) {
    ranges.push_back({{tensor.data_offsets[0], tensor.data_offsets[1]}, name});
  }
  std::sort(ranges.begin(), ranges.end());
  uint64_t expected = 0;
  for (const auto& [range, name] : ranges) {
    if (range.first != expected) {
      return absl::InvalidArgumentError(absl::StrCat(
          "tensor \"", std::string(name), "\": starts at byte ", range.first, " of data, ",
          range.first < expected ? "inside another tensor" : "after a hole", "; expected ",
          expected));
    }
    expected = range.second;
  }
  if (expected == data_bytes) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(data_bytes - expected, " bytes at the end belong to no tensor"));
}

absl::Status Annotate(const std::string& path, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat(path, ": ", status.message()));
}

}  // namespace

absl::StatusOr<SafetensorsFile> SafetensorsFile::Open(const std::string& path) {
  absl::StatusOr<MappedFile> mapped = MappedFile::Open(path);
  if (!mapped.ok()) return mapped.status();
  SafetensorsFile file(*std::move(mapped));
  const std::span<const std::byte> bytes = file.file_.bytes();
  if (bytes.size() < kLengthBytes) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": too short for a header length"));
  }
  const uint64_t header_bytes = LoadLength(bytes);
  const uint64_t limit = std::min<uint64_t>(kMaxHeaderBytes, bytes.size() - kLengthBytes);
  if (header_bytes > limit) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": header length ", header_bytes, ", at most ", limit));
  }
  const std::string_view json(reinterpret_cast<const char*>(bytes.data()) + kLengthBytes,
                              header_bytes);
  absl::StatusOr<SafetensorsHeader> header = ParseSafetensorsHeader(json);
  if (!header.ok()) return Annotate(path, header.status());
  const std::span<const std::byte> data = bytes.subspan(kLengthBytes + header_bytes);
  for (const auto& [name, tensor_header] : header->tensors) {
    absl::StatusOr<Tensor> tensor = MakeTensor(tensor_header, data);
    if (!tensor.ok()) {
      return Annotate(absl::StrCat(path, ": tensor \"", name, "\""), tensor.status());
    }
    file.tensors_.emplace(name, *std::move(tensor));
  }
  const absl::Status cover = CheckCover(*header, data.size());
  if (!cover.ok()) return Annotate(path, cover);
  file.metadata_ = std::move(header->metadata);
  return file;
}

const Tensor* SafetensorsFile::Find(const std::string& name) const {
  const auto found = tensors_.find(name);
  return found == tensors_.end() ? nullptr : &found->second;
}

}  // namespace kvsift::trace
