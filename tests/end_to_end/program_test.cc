// kvsift-server as a program: what it prints, how it ends.
#include "tests/end_to_end/program_test.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <memory>
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

bool Answers(const std::string& address) {
  const auto stub = v1::SelectionService::NewStub(
      grpc::CreateChannel(address, grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  v1::GetServerResponse response;
  return stub->GetServer(&context, {}, &response).ok();
}

TEST_F(ProgramTest, ListensOnEveryAddressInOrderAndEndsCleanlyOnSigterm) {
  const std::string socket = "unix:" + Path("socket");
  const auto program = Start({"--listen", "127.0.0.1:0", "--listen", socket, "--listen=[::1]:0"});
  const std::string first = ListenedAddress(program->ReadLine());
  const std::string second = ListenedAddress(program->ReadLine());
  const std::string third = ListenedAddress(program->ReadLine());
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
  ListenedAddress(program->ReadLine());
  program->Signal(SIGINT);
  EXPECT_EQ(program->Wait(), 0);
}

// An open stream holds the drain; the second signal does not wait for it.
TEST_F(ProgramTest, ASecondSignalEndsItAtOnce) {
  const auto program = Start({"--listen", "127.0.0.1:0", "--drain-timeout", "3600"});
  const auto stub = v1::SelectionService::NewStub(grpc::CreateChannel(
      ListenedAddress(program->ReadLine()), grpc::InsecureChannelCredentials()));
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
  const auto stub = v1::SelectionService::NewStub(grpc::CreateChannel(
      ListenedAddress(program->ReadLine()), grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  v1::GetServerResponse response;
  ASSERT_TRUE(stub->GetServer(&context, {}, &response).ok());
  EXPECT_EQ(response.backend(), "reference");
  EXPECT_EQ(response.limits().max_k(), 9);
  EXPECT_LE(response.devices(0).budget_bytes(), 2 << 20);
}

TEST_F(ProgramTest, ABadConfigFileIsRefusedWithTheLine) {
  const std::vector<std::string> arguments = {"--config", Path("config")};
  ExpectFails(arguments, 2, "--config: " + Path("config") + ": cannot be read");
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
  const std::string tcp = ListenedAddress(program->ReadLine());
  ASSERT_EQ(ListenedAddress(program->ReadLine()), socket);
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
  ASSERT_EQ(ListenedAddress(program->ReadLine()), socket);
  program->Signal(SIGKILL);
  EXPECT_EQ(program->Wait(), -1);
  ASSERT_TRUE(std::filesystem::exists(Path("socket")));
  program = Start({"--listen", socket});
  ASSERT_EQ(ListenedAddress(program->ReadLine()), socket);
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
  ListenedAddress(program->ReadLine());
  program->Signal(SIGTERM);
  EXPECT_EQ(program->Wait(), 0);
  EXPECT_THAT(Errors(), HasSubstr("\"level\":\"info\",\"event\":\"draining\"}"));
}

}  // namespace
}  // namespace kvsift
