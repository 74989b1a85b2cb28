#include "tests/end_to_end/program.h"

#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "tests/test_files.h"

namespace kvsift {

Program::Program(const std::string& path, const std::vector<std::string>& arguments,
                 const std::string& error_path) {
  std::vector<char*> argv = {const_cast<char*>(path.c_str())};
  for (const std::string& argument : arguments) {
    argv.push_back(const_cast<char*>(argument.c_str()));
  }
  argv.push_back(nullptr);
  int out[2];
  EXPECT_EQ(pipe(out), 0);
  child_ = fork();
  if (child_ == 0) {
    dup2(out[1], STDOUT_FILENO);
    close(out[0]);
    close(out[1]);
    if (std::freopen(error_path.c_str(), "w", stderr) == nullptr) _exit(99);
    execv(path.c_str(), argv.data());
    _exit(98);
  }
  close(out[1]);
  out_ = fdopen(out[0], "r");
}

Program::~Program() {
  if (!has_ended_) kill(child_, SIGKILL);
  Wait();
  std::fclose(out_);
}

std::string Program::ReadLine() {
  std::string line;
  for (int c = std::fgetc(out_); c != EOF && c != '\n'; c = std::fgetc(out_)) {
    line.push_back(static_cast<char>(c));
  }
  return line;
}

void Program::Signal(int signal) const { kill(child_, signal); }

int Program::Wait() {
  if (!has_ended_) {
    int status = 0;
    waitpid(child_, &status, 0);
    has_ended_ = true;
    code_ = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  return code_;
}

std::string ServerProgram() { return TestedProgram("kvsift-server"); }

std::string ListenedAddress(const std::string& line) {
  EXPECT_THAT(line, testing::StartsWith("listening on "));
  return line.size() > 13 ? line.substr(13) : "";
}

}  // namespace kvsift
