// Reads the literal cases under tests/data/golden (its README says what they are).
#ifndef KVSIFT_TESTS_KERNELS_GOLDEN_GOLDEN_CASES_H_
#define KVSIFT_TESTS_KERNELS_GOLDEN_GOLDEN_CASES_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "kernels/format/code_shape.h"
#include "kernels/format/store_format.h"
#include "kernels/select/policy.h"

namespace kvsift {

// One raw vector and its codes.
struct GoldenEncoding {
  std::string kind;
  int head_dim = 0;
  std::vector<std::byte> elements;  // float32
  float key_scale = 0;
  std::array<std::vector<std::byte>, kMaxKeyBits> key;    // [bits - 1]
  std::array<std::vector<std::byte>, kMaxKeyBits> query;  // [bits - 1]
  std::vector<std::byte> fine_query;
  float fine_query_scale = 0;
};

// One selection with its answer.
struct GoldenSelection {
  std::string name;  // file and index
  StoreShape shape;
  std::vector<float> key_scales;  // [kv_heads], or empty
  int64_t length = 0;
  std::vector<std::byte> keys;
  Policy policy;
  std::vector<std::byte> queries;
  std::vector<float> query_scales;
  std::vector<int64_t> visible;

  int64_t width = 0;
  std::vector<int32_t> positions;  // [rows, width]
  std::vector<int32_t> counts;     // [rows]
  std::vector<int32_t> scores;     // [rows, width], 0 after the count; empty unless kHead
};

// `directory` is tests/data/golden. An unreadable file ends the program: a test without its
// data must not pass.
std::vector<GoldenEncoding> ReadGoldenEncodings(const std::string& directory);
std::vector<GoldenSelection> ReadGoldenSelections(const std::string& directory);

}  // namespace kvsift

#endif  // KVSIFT_TESTS_KERNELS_GOLDEN_GOLDEN_CASES_H_
