// kvsift-server as a program: what it prints, how it ends.
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "tests/end_to_end/requests.h"
#include "tests/test_files.h"

namespace kvsift {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

// A child process with its standard output in a pipe and its standard error in a file.
class Program {
 public:
  Program(const std::vector<std::string>& arguments, const std::string& error_path) {
    int out[2];
    EXPECT_EQ(pipe(out), 0);
    child_ = fork();
    if (child_ == 0) {
      dup2(out[1], STDOUT_FILENO);
      close(out[0]);
      close(out[1]);
      if (std::freopen(error_path.c_str(), "w", stderr) == nullptr) _exit(99);
      std::string server = TestedProgram("kvsift-server");
      std::vector<char*> argv = {server.data()};
      for (const std::string& argument : arguments) {
        argv.push_back(const_cast<char*>(argument.c_str()));
      }
      argv.push_back(nullptr);
      execv(server.c_str(), argv.data());
      _exit(98);
    }
    close(out[1]);
    out_ = fdopen(out[0], "r");
  }

  ~Program() {
    kill(child_, SIGKILL);
    Wait();
    std::fclose(out_);
  }

  // The next line of standard output without its end; empty at the end.
  std::string ReadLine() {
    std::string line;
    for (int c = std::fgetc(out_); c != EOF && c != '\n'; c = std::fgetc(out_)) {
      line.push_back(static_cast<char>(c));
    }
    return line;
  }

  void Signal(int signal) { kill(child_, signal); }

  // The exit code, or -1 if a signal ended it.
  int Wait() {
    if (!has_ended_) {
      int status = 0;
      waitpid(child_, &status, 0);
      has_ended_ = true;
      code_ = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    }
    return code_;
  }

 private:
  pid_t child_ = -1;
  std::FILE* out_ = nullptr;
  bool has_ended_ = false;
  int code_ = -1;
};

class ProgramTest : public testing::Test {
 protected:
  ProgramTest() {
    folder_ = testing::TempDir() + "kvsiftXXXXXX";
    EXPECT_NE(mkdtemp(folder_.data()), nullptr);
  }
  ~ProgramTest() override { std::filesystem::remove_all(folder_); }

  std::string Path(const std::string& name) const { return folder_ + "/" + name; }

  std::unique_ptr<Program> Start(const std::vector<std::string>& arguments) {
    return std::make_unique<Program>(arguments, Path("stderr"));
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
    EXPECT_THAT(Errors(), HasSubstr(why));
  }

  void WriteConfig(const std::string& text) { std::ofstream(Path("config")) << text; }

  std::string folder_;
};

bool Answers(const std::string& address) {
  const auto stub = v1::SelectionService::NewStub(
      grpc::CreateChannel(address, grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  v1::GetServerResponse response;
  return stub->GetServer(&context, {}, &response).ok();
}

// Cuts "listening on " off.
std::string Address(const std::string& line) {
  EXPECT_THAT(line, StartsWith("listening on "));
  return line.size() > 13 ? line.substr(13) : "";
}

TEST_F(ProgramTest, ListensOnEveryAddressInOrderAndEndsCleanlyOnSigterm) {
  const std::string socket = "unix:" + Path("socket");
  const auto program = Start({"--listen", "127.0.0.1:0", "--listen", socket, "--listen=[::1]:0"});
  const std::string first = Address(program->ReadLine());
  const std::string second = Address(program->ReadLine());
  const std::string third = Address(program->ReadLine());
  EXPECT_THAT(first, StartsWith("127.0.0.1:"));
  EXPECT_NE(first, "127.0.0.1:0");
  EXPECT_EQ(second, socket);
  EXPECT_THAT(third, StartsWith("[::1]:"));
  EXPECT_TRUE(Answers(first));
  EXPECT_TRUE(Answers(second));
  program->Signal(SIGTERM);
  EXPECT_EQ(program->ReadLine(), "");
  EXPECT_EQ(program->Wait(), 0);
  EXPECT_THAT(Errors(), HasSubstr("stopped"));
  EXPECT_FALSE(std::filesystem::exists(Path("socket")));
}

TEST_F(ProgramTest, SigintEndsItCleanlyToo) {
  const auto program = Start({"--listen", "127.0.0.1:0"});
  Address(program->ReadLine());
  program->Signal(SIGINT);
  EXPECT_EQ(program->Wait(), 0);
}

// An open stream holds the drain; the second signal does not wait for it.
TEST_F(ProgramTest, ASecondSignalEndsItAtOnce) {
  const auto program = Start({"--listen", "127.0.0.1:0", "--drain-timeout", "3600"});
  const auto stub = v1::SelectionService::NewStub(
      grpc::CreateChannel(Address(program->ReadLine()), grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  v1::StreamAppendKeysResponse response;
  const auto writer = stub->StreamAppendKeys(&context, &response);
  v1::GetServerResponse server;
  grpc::ClientContext other;
  ASSERT_TRUE(stub->GetServer(&other, {}, &server).ok());  // the stream came before it
  program->Signal(SIGTERM);
  while (Errors().find("draining") == std::string::npos) usleep(1000);
  program->Signal(SIGTERM);
  EXPECT_EQ(program->Wait(), 1);
}

TEST_F(ProgramTest, BadOptionsAreRefusedWithExitCode2) {
  ExpectFails({"--thread", "1"}, 2, "--thread");
  ExpectFails({"--threads", "0"}, 2, "--threads: Value 0");
  ExpectFails({"--memory", "lots"}, 2, "--memory");
  ExpectFails({"--memory", "1K"}, 2, "--memory");
  ExpectFails({"--backend", "abacus"}, 2, "--backend: abacus");
  ExpectFails({"--listen", "nowhere"}, 2, "HOST:PORT");
  ExpectFails({"--listen", "127.0.0.1:65536"}, 2, "65535");
  ExpectFails({"--listen", "::1:80"}, 2, "brackets");
  ExpectFails({"--listen", "unix:" + std::string(200, 'a')}, 2, "1 to 107 bytes");
  ExpectFails({"--max-answer-bytes", "64MiB"}, 2, "--max-answer-bytes: 67108864");
  ExpectFails({"positional"}, 2, "positional");
}

TEST_F(ProgramTest, AConfigFileHoldsTheSameOptionsAndTheCommandLineWins) {
  WriteConfig(
      "# a server\n\nlisten = 127.0.0.1:1\nbackend = \"reference\"\nmax-k=7\nmemory = 2MiB\n");
  const auto program =
      Start({"--config", Path("config"), "--listen", "127.0.0.1:0", "--max-k", "9"});
  const auto stub = v1::SelectionService::NewStub(
      grpc::CreateChannel(Address(program->ReadLine()), grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  v1::GetServerResponse response;
  ASSERT_TRUE(stub->GetServer(&context, {}, &response).ok());
  EXPECT_EQ(response.backend(), "reference");
  EXPECT_EQ(response.limits().max_k(), 9);
  EXPECT_LE(response.devices(0).budget_bytes(), 2 << 20);
}

TEST_F(ProgramTest, ABadConfigFileIsRefusedWithTheLine) {
  const std::vector<std::string> arguments = {"--config", Path("config")};
  ExpectFails(arguments, 2, "cannot be read");
  WriteConfig("threads = 1\nmemroy = 1G\n");
  ExpectFails(arguments, 2, "config:2: unknown option memroy");
  WriteConfig("threads = 1\n\n# more\nthreads = many\n");
  ExpectFails(arguments, 2, "config:4: --threads");
  WriteConfig("just words\n");
  ExpectFails(arguments, 2, "config:1: expected key = value: just words");
  WriteConfig("config = other\n");
  ExpectFails(arguments, 2, "config:1: unknown option config");
  WriteConfig("listen = nowhere\n");
  ExpectFails(arguments, 2, "config:1: --listen");
}

TEST_F(ProgramTest, AnAddressInUseIsRefusedWithExitCode1) {
  const std::string socket = "unix:" + Path("socket");
  const auto program = Start({"--listen", "127.0.0.1:0", "--listen", socket});
  const std::string tcp = Address(program->ReadLine());
  ASSERT_EQ(Address(program->ReadLine()), socket);
  ExpectFails({"--listen", tcp}, 1, "cannot listen on " + tcp);
  ExpectFails({"--listen", socket}, 1, "a server is listening there");
  EXPECT_TRUE(Answers(socket));
  std::ofstream(Path("file")) << "not a socket";
  ExpectFails({"--listen", "unix:" + Path("file")}, 1, "is not a socket");
  EXPECT_TRUE(std::filesystem::exists(Path("file")));
}

TEST_F(ProgramTest, TheSocketOfADeadServerIsTakenOver) {
  const std::string socket = "unix:" + Path("socket");
  auto program = Start({"--listen", socket});
  ASSERT_EQ(Address(program->ReadLine()), socket);
  program->Signal(SIGKILL);
  EXPECT_EQ(program->Wait(), -1);
  ASSERT_TRUE(std::filesystem::exists(Path("socket")));
  program = Start({"--listen", socket});
  ASSERT_EQ(Address(program->ReadLine()), socket);
  EXPECT_TRUE(Answers(socket));
}

TEST_F(ProgramTest, PrintsItsVersionAndHelp) {
  auto program = Start({"--version"});
  EXPECT_EQ(program->ReadLine(), "kvsift-server 0.1.0");
  EXPECT_EQ(program->Wait(), 0);
  program = Start({"--help"});
  EXPECT_THAT(program->ReadLine(), StartsWith("Serves kvsift"));
  EXPECT_EQ(program->Wait(), 0);
}

TEST_F(ProgramTest, LogsJsonIfAsked) {
  const auto program = Start({"--listen", "127.0.0.1:0", "--log-format", "json"});
  Address(program->ReadLine());
  program->Signal(SIGTERM);
  EXPECT_EQ(program->Wait(), 0);
  EXPECT_THAT(Errors(), HasSubstr("\"level\":\"info\",\"event\":\"draining\"}"));
}

}  // namespace
}  // namespace kvsift
