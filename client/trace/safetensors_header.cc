#include "client/trace/safetensors_header.h"

#include <cstddef>
#include <set>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

namespace kvsift::trace {
namespace {

using Json = nlohmann::json;

constexpr size_t kMaxRank = 8;
constexpr size_t kShownNameBytes = 128;

// Where the parser is: outside, in the header, in one tensor or the metadata, in an array of one.
enum class Place { kOutside, kHeader, kTensor, kMetadata, kArray };

// Receives parser events; returning false stops the parser.
class HeaderEvents final : public Json::json_sax_t {
 public:
  SafetensorsHeader header;
  std::string error;

  bool null() override { return Refuse("null"); }
  bool boolean(bool) override { return Refuse("a boolean"); }
  bool number_integer(Json::number_integer_t) override { return Refuse("a negative number"); }
  bool number_float(Json::number_float_t, const std::string&) override {
    return Refuse("a fraction");
  }
  bool binary(Json::binary_t&) override { return Refuse("binary data"); }

  bool number_unsigned(Json::number_unsigned_t value) override {
    if (place_ != Place::kArray) return Refuse("a number");
    std::vector<uint64_t>& array = key_ == "shape" ? tensor_->shape : tensor_->data_offsets;
    if (array.size() == kMaxRank) return Refuse("more than 8 numbers");
    array.push_back(value);
    return true;
  }

  bool string(std::string& value) override {
    if (place_ == Place::kMetadata) {
      header.metadata[key_] = std::move(value);
      return true;
    }
    if (place_ != Place::kTensor || key_ != "dtype") return Refuse("a string");
    tensor_->dtype = std::move(value);
    return true;
  }

  bool start_object(size_t) override {
    if (place_ == Place::kOutside) {
      place_ = Place::kHeader;
    } else if (place_ != Place::kHeader) {
      return Refuse("an object");
    } else if (name_ == "__metadata__") {
      place_ = Place::kMetadata;
    } else {
      place_ = Place::kTensor;
      tensor_ = &header.tensors[name_];
    }
    fields_.clear();
    return true;
  }

  bool key(std::string& value) override {
    if (place_ == Place::kHeader) {
      name_ = value;
      if (!names_.insert(value).second) return Refuse("the same name twice");
      return true;
    }
    key_ = value;
    if (!fields_.insert(value).second) return Refuse(absl::StrCat(Shown(key_), " twice"));
    const bool known = key_ == "dtype" || key_ == "shape" || key_ == "data_offsets";
    if (place_ == Place::kTensor && !known) return Refuse(absl::StrCat("a field ", Shown(key_)));
    return true;
  }

  bool end_object() override {
    if (place_ == Place::kTensor && fields_.size() != 3) {
      return Refuse("fewer fields than dtype, shape and data_offsets");
    }
    place_ = place_ == Place::kHeader ? Place::kOutside : Place::kHeader;
    return true;
  }

  bool start_array(size_t) override {
    if (place_ != Place::kTensor || key_ == "dtype") return Refuse("an array");
    place_ = Place::kArray;
    return true;
  }

  bool end_array() override {
    place_ = Place::kTensor;
    return true;
  }

  bool parse_error(size_t position, const std::string&, const Json::exception&) override {
    if (error.empty()) error = absl::StrCat("header: no JSON from byte ", position);
    return false;
  }

 private:
  static std::string Shown(const std::string& name) {
    return absl::StrCat("\"", name.substr(0, kShownNameBytes), "\"");
  }

  bool Refuse(const std::string& what) {
    error = place_ == Place::kOutside ? absl::StrCat("header: ", what, " instead of an object")
                                      : absl::StrCat("tensor ", Shown(name_), ": ", what,
                                                     " where a safetensors header has none");
    return false;
  }

  Place place_ = Place::kOutside;
  std::string name_;  // of the current tensor
  std::string key_;   // of the current field
  std::set<std::string> names_;
  std::set<std::string> fields_;
  TensorHeader* tensor_ = nullptr;
};

}  // namespace

absl::StatusOr<SafetensorsHeader> ParseSafetensorsHeader(std::string_view json) {
  HeaderEvents events;
  if (!Json::sax_parse(json.begin(), json.end(), &events)) {
    return absl::InvalidArgumentError(events.error);
  }
  return std::move(events.header);
}

}  // namespace kvsift::trace
