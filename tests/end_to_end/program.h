// A program under test as a child process.
#ifndef KVSIFT_TESTS_END_TO_END_PROGRAM_H_
#define KVSIFT_TESTS_END_TO_END_PROGRAM_H_

#include <sys/types.h>

#include <cstdio>
#include <string>
#include <vector>

namespace kvsift {

// Its standard output comes through a pipe, its standard error goes into a file.
class Program {
 public:
  // Starts `path`; if there is no such file, the one of that name beside the test's own program.
  Program(const std::string& path, const std::vector<std::string>& arguments,
          const std::string& error_path);
  // Ends it at once if it has not ended.
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  // The next line of standard output without its end; empty at the end.
  std::string ReadLine();

  pid_t id() const { return child_; }

  void Signal(int signal) const;

  // The exit code, or -1 if a signal ended it.
  int Wait();

 private:
  pid_t child_ = -1;
  std::FILE* out_ = nullptr;
  bool has_ended_ = false;
  int code_ = -1;
};

// Where kvsift-server is.
std::string ServerProgram();

// What a server listens on, from the line that says so.
std::string ListenedAddress(const std::string& line);

}  // namespace kvsift

#endif  // KVSIFT_TESTS_END_TO_END_PROGRAM_H_
