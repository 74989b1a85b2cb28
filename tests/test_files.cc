#include "tests/test_files.h"

#include <filesystem>

namespace kvsift {
namespace {

// The folder of the running program.
std::filesystem::path OwnFolder() {
  return std::filesystem::read_symlink("/proc/self/exe").parent_path();
}

}  // namespace

std::string TestData(std::string_view name) { return OwnFolder() / "data" / name; }

std::string TestedProgram(std::string_view name) {
  return OwnFolder().parent_path() / "bin" / name;
}

std::string TestProgram(std::string_view name) { return OwnFolder() / name; }

}  // namespace kvsift
