// Writes safetensors files, honest and hostile.
#ifndef KVSIFT_TESTS_CLIENT_SAFETENSORS_WRITER_H_
#define KVSIFT_TESTS_CLIENT_SAFETENSORS_WRITER_H_

#include <cstdint>
#include <fstream>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace kvsift {

// Writes a file of this test and returns its path.
inline std::string WriteTestFile(const std::string& bytes) {
  const auto* test = testing::UnitTest::GetInstance()->current_test_info();
  const std::string path = testing::TempDir() + "kvsift-" + test->name() + ".safetensors";
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
  return path;
}

// A file whose header claims `length` bytes of JSON.
inline std::string WithLength(uint64_t length, const std::string& json, const std::string& data) {
  std::string bytes;
  for (int i = 0; i < 8; ++i) bytes.push_back(static_cast<char>(length >> (8 * i)));
  return bytes + json + data;
}

inline std::string File(const std::string& json, const std::string& data) {
  return WithLength(json.size(), json, data);
}

// Header entry of a tensor at data [begin, end).
inline std::string Entry(const std::string& name, const std::string& dtype,
                         const std::string& shape, uint64_t begin, uint64_t end) {
  return "\"" + name + "\":{\"dtype\":\"" + dtype + "\",\"shape\":" + shape +
         ",\"data_offsets\":[" + std::to_string(begin) + "," + std::to_string(end) + "]}";
}

// Little-endian int32 values as bytes.
inline std::string Ints(const std::vector<int32_t>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(int32_t)};
}

}  // namespace kvsift

#endif  // KVSIFT_TESTS_CLIENT_SAFETENSORS_WRITER_H_
