#include <cmath>
#include <limits>

#include "tests/end_to_end/bad_input.h"
#include "tests/end_to_end/requests.h"

namespace kvsift {
namespace {

using grpc::StatusCode;
using Config = v1::StoreConfig;

template <typename Edit>
BadInput Create(std::string name, Edit edit, Expected expected) {
  return Refused(
      std::move(name), &Stub::CreateStore, MakeCreate("new"),
      [edit](v1::CreateStoreRequest& request) { edit(*request.mutable_config()); }, expected);
}

BadInput Name(std::string name, std::string store, std::string shown) {
  return Create(std::move(name), [store](Config& config) { config.set_name(store); },
                {StatusCode::INVALID_ARGUMENT, "config.name", shown, "1 to 128 of"});
}

template <typename Edit>
BadInput Invalid(std::string name, Edit edit, std::string field, std::string value,
                 std::string limit) {
  return Create(std::move(name), edit, {StatusCode::INVALID_ARGUMENT, field, value, limit});
}

template <typename Request, typename Response>
BadInput Unknown(std::string name, Method<Request, Response> method) {
  return Refused(std::move(name), method, Request(),
                 [](Request& request) { request.set_name("nobody"); },
                 {StatusCode::NOT_FOUND, "name", "nobody", "store"});
}

std::vector<BadInput> BadNames() {
  return {Name("empty name", "", ""),
          Name("name of 129 bytes", std::string(129, 'a'), std::string(100, 'a')),
          Name("space in a name", "a b", "a b"),
          Name("name with a NUL", std::string("a\0b", 3), "a\\x00"),
          Name("name with a line break", "a\nb", "a\\nb"),
          Name("name outside ASCII", "\xc3\xa9", "\\xc3\\xa9"),
          Name("name with a percent sign", "%s%n", "%s%n")};
}

std::vector<BadInput> BadShapes() {
  constexpr int kHuge = std::numeric_limits<int32_t>::max();
  return {
      Invalid(
          "no layers",
          [](Config& c) {
            c.clear_layer_ids();
            c.clear_key_scales();
          },
          "config.layer_ids", "0", "1 to 1024"),
      Invalid(
          "1025 layers",
          [](Config& c) {
            c.clear_layer_ids();
            for (int i = 0; i <= 1024; ++i) c.add_layer_ids(i);
          },
          "config.layer_ids", "1025", "1 to 1024"),
      Invalid(
          "negative layer", [](Config& c) { c.set_layer_ids(0, -1); }, "config.layer_ids[0]", "-1",
          "0 to 65535"),
      Invalid(
          "huge layer", [](Config& c) { c.set_layer_ids(1, 65536); }, "config.layer_ids[1]",
          "65536", "0 to 65535"),
      Invalid(
          "layer twice", [](Config& c) { c.set_layer_ids(1, 3); }, "config.layer_ids[1]", "3",
          "ascending"),
      Invalid(
          "layers descend", [](Config& c) { c.set_layer_ids(1, 2); }, "config.layer_ids[1]", "2",
          "ascending"),
      Invalid(
          "no kv heads", [](Config& c) { c.set_kv_heads(0); }, "config.kv_heads", "0", "1 to 256"),
      Invalid(
          "257 kv heads", [](Config& c) { c.set_kv_heads(257); }, "config.kv_heads", "257",
          "1 to 256"),
      Invalid(
          "negative kv heads", [](Config& c) { c.set_kv_heads(-2); }, "config.kv_heads", "-2",
          "1 to 256"),
      Invalid(
          "heads that do not divide", [](Config& c) { c.set_query_heads(5); }, "config.query_heads",
          "5", "a multiple of kv_heads = 2"),
      Invalid(
          "huge query heads", [](Config& c) { c.set_query_heads(kHuge - 1); }, "config.query_heads",
          "2147483646", "at most 1024"),
      Invalid(
          "no head_dim", [](Config& c) { c.set_head_dim(0); }, "config.head_dim", "0", "1 to 256"),
      Invalid(
          "head_dim 257", [](Config& c) { c.set_head_dim(257); }, "config.head_dim", "257",
          "1 to 256"),
      Invalid(
          "huge head_dim", [](Config& c) { c.set_head_dim(kHuge); }, "config.head_dim",
          "2147483647", "1 to 256"),
      Invalid(
          "no key bits", [](Config& c) { c.set_key_bits(0); }, "config.key_bits", "0", "1 to 3"),
      Invalid(
          "4 key bits", [](Config& c) { c.set_key_bits(4); }, "config.key_bits", "4", "1 to 3"),
      Invalid(
          "unknown device", [](Config& c) { c.set_device(1); }, "config.device", "1", "0 to 0"),
      Invalid(
          "negative device", [](Config& c) { c.set_device(-1); }, "config.device", "-1", "0 to 0")};
}

BadInput Scale(std::string name, float scale, std::string shown) {
  return Invalid(
      std::move(name), [scale](Config& c) { c.set_key_scales(2, scale); }, "config.key_scales[2]",
      std::move(shown), "2^-60 to 2^40");
}

std::vector<BadInput> BadScales() {
  return {Invalid(
              "a key scale too few", [](Config& c) { c.mutable_key_scales()->RemoveLast(); },
              "config.key_scales", "3 elements", "4 elements"),
          Scale("key scale 0", 0.0f, "0"),
          Scale("negative key scale", -1.0f, "-1"),
          Scale("NaN key scale", std::numeric_limits<float>::quiet_NaN(), "nan"),
          Scale("infinite key scale", std::numeric_limits<float>::infinity(), "inf"),
          Scale("tiny key scale", 0x1p-61f, "e-19"),
          Scale("huge key scale", 0x1p41f, "e+12")};
}

}  // namespace

std::vector<BadInput> BadStores() {
  std::vector<BadInput> inputs = BadNames();
  for (const auto& more : {BadShapes(), BadScales()}) {
    inputs.insert(inputs.end(), more.begin(), more.end());
  }
  inputs.push_back(Refused("another configuration", &Stub::CreateStore, MakeCreate("s"),
                           [](auto& r) { r.mutable_config()->set_key_bits(3); },
                           {StatusCode::ALREADY_EXISTS, "config.name", "s", "configuration"}));
  inputs.push_back(Unknown("unknown store to get", &Stub::GetStore));
  inputs.push_back(Unknown("unknown store to delete", &Stub::DeleteStore));
  inputs.push_back(Refused("negative page of stores", &Stub::ListStores, v1::ListStoresRequest(),
                           [](auto& r) { r.set_page_size(-1); },
                           {StatusCode::INVALID_ARGUMENT, "page_size", "-1", "0 to 1000"}));
  inputs.push_back(Refused("large page of stores", &Stub::ListStores, v1::ListStoresRequest(),
                           [](auto& r) { r.set_page_size(1001); },
                           {StatusCode::INVALID_ARGUMENT, "page_size", "1001", "0 to 1000"}));
  inputs.push_back(
      Refused("a token of another list", &Stub::ListStores, v1::ListStoresRequest(),
              [](auto& r) { r.set_page_token("sequence:7"); },
              {StatusCode::INVALID_ARGUMENT, "page_token", "sequence:7", "ListStores"}));
  return inputs;
}

std::vector<BadInput> BadCalibrations() {
  v1::CalibrateRequest good;
  good.set_head_dim(64);
  good.set_kv_heads(2);
  good.set_layers(1);
  good.set_tokens(3);
  good.set_element_type(v1::ELEMENT_TYPE_FLOAT32);
  good.set_keys(std::string(3 * 2 * 64 * sizeof(float), '\x01'));
  const auto bad = [&](std::string name, auto edit, std::string field, std::string value,
                       std::string limit) {
    return Refused(std::move(name), &Stub::Calibrate, good, edit,
                   {StatusCode::INVALID_ARGUMENT, field, value, limit});
  };
  return {
      bad(
          "calibrate no tokens",
          [](auto& r) {
            r.set_tokens(0);
            r.clear_keys();
          },
          "tokens", "0", "at least 1"),
      bad(
          "calibrate negative tokens", [](auto& r) { r.set_tokens(-3); }, "tokens", "-3",
          "at least 1"),
      bad(
          "calibrate tokens that overflow", [](auto& r) { r.set_tokens(INT64_MAX); }, "keys",
          "1536 bytes", "9223372036854775807 tokens"),
      bad(
          "calibrate codes", [](auto& r) { r.clear_element_type(); }, "element_type", "0", "raw"),
      bad(
          "calibrate unknown type", [](auto& r) { r.set_element_type(v1::ElementType(9)); },
          "element_type", "9", "ElementType"),
      bad(
          "calibrate a byte too few", [](auto& r) { r.mutable_keys()->pop_back(); }, "keys",
          "1535 bytes", "1536 bytes"),
      bad(
          "calibrate no layers", [](auto& r) { r.set_layers(0); }, "layers", "0", "1 to 1024"),
      bad(
          "calibrate head_dim 0", [](auto& r) { r.set_head_dim(0); }, "head_dim", "0", "1 to 256"),
      bad(
          "calibrate 1000 heads", [](auto& r) { r.set_kv_heads(1000); }, "kv_heads", "1000",
          "1 to 256"),
      bad(
          "calibrate NaN",
          [](auto& r) {
            const float nan = std::nanf("");
            r.mutable_keys()->replace(4 * 9, 4, reinterpret_cast<const char*>(&nan), 4);
          },
          "keys[9]", "nan", "finite"),
      bad(
          "calibrate zeros", [](auto& r) { r.set_keys(std::string(1536, '\0')); }, "keys",
          "layer 0, kv head 0", "2^-60 to 2^40")};
}

}  // namespace kvsift
