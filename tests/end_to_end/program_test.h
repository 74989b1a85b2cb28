// Base of tests of kvsift-server as a program.
#ifndef KVSIFT_TESTS_END_TO_END_PROGRAM_TEST_H_
#define KVSIFT_TESTS_END_TO_END_PROGRAM_TEST_H_

#include <gmock/gmock.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "tests/end_to_end/program.h"

namespace kvsift {

// Runs programs with a folder of their own for sockets, files and what they say.
class ProgramTest : public testing::Test {
 protected:
  ProgramTest() {
    folder_ = testing::TempDir() + "kvsiftXXXXXX";
    EXPECT_NE(mkdtemp(folder_.data()), nullptr);
  }
  ~ProgramTest() override { std::filesystem::remove_all(folder_); }

  std::string Path(const std::string& name) const { return folder_ + "/" + name; }

  std::unique_ptr<Program> Start(const std::vector<std::string>& arguments,
                                 const std::string& path = ServerProgram()) {
    return std::make_unique<Program>(path, arguments, Path("stderr"));
  }

  std::string Errors() const {
    std::ifstream file(Path("stderr"));
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
  }

  void ExpectFails(const std::vector<std::string>& arguments, int code, const std::string& why) {
    SCOPED_TRACE(why);
    const auto program = Start(arguments);
    EXPECT_EQ(program->ReadLine(), "");
    EXPECT_EQ(program->Wait(), code);
    EXPECT_THAT(Errors(), testing::HasSubstr(why));
  }

  void WriteConfig(const std::string& text) { std::ofstream(Path("config")) << text; }

  std::string folder_;
};

}  // namespace kvsift

#endif  // KVSIFT_TESTS_END_TO_END_PROGRAM_TEST_H_
