// Configurations that cannot work: refused by kvsift-server --check-config, and by a start, with
// the option or the line, the value and what to write instead.
#include <gmock/gmock.h>

#include <filesystem>
#include <string>
#include <vector>

#include "kernels/backends.h"
#include "tests/end_to_end/program_test.h"

namespace kvsift {
namespace {

using testing::HasSubstr;

class CheckConfigTest : public ProgramTest {
 protected:
  // Both ways of use end with exit code 2 and say why.
  void ExpectRefused(std::vector<std::string> arguments, const std::string& why) {
    ExpectFails(arguments, 2, why);
    arguments.push_back("--check-config");
    ExpectFails(arguments, 2, why);
  }

  void ExpectFileRefused(const std::string& text, const std::string& why) {
    WriteConfig(text);
    ExpectRefused({"--config", Path("config")}, Path("config") + ":" + why);
  }
};

TEST_F(CheckConfigTest, SaysThatAConfigurationIsValidAndStartsNothing) {
  WriteConfig("listen = unix:" + Path("socket") + "\nlisten = 127.0.0.1:1\nthreads = 1\n");
  const auto program = Start({"--check-config", "--config", Path("config")});
  EXPECT_EQ(program->ReadLine(), "kvsift-server: the configuration is valid");
  EXPECT_EQ(program->ReadLine(), "");
  EXPECT_EQ(program->Wait(), 0);
  EXPECT_EQ(Errors(), "");
  EXPECT_FALSE(std::filesystem::exists(Path("socket")));
}

// A running server keeps what its own configuration names, which is to be checked before a restart.
TEST_F(CheckConfigTest, DoesNotMindAServerThatRuns) {
  const std::string socket = "unix:" + Path("socket");
  const auto server = Start({"--listen", socket});
  ASSERT_EQ(ListenedAddress(server->ReadLine()), socket);
  const auto check = Start({"--listen", socket, "--check-config"});
  EXPECT_EQ(check->ReadLine(), "kvsift-server: the configuration is valid");
  EXPECT_EQ(check->Wait(), 0);
}

TEST_F(CheckConfigTest, OneAddressForTwoPurposes) {
  ExpectRefused({"--listen", "127.0.0.1:7000", "--listen", "127.0.0.1:7000"},
                "--listen: 127.0.0.1:7000 overlaps --listen 127.0.0.1:7000, expected another port");
  ExpectRefused({"--listen", "127.0.0.1:7000", "--listen", "0.0.0.0:7000"},
                "--listen: 0.0.0.0:7000 overlaps --listen 127.0.0.1:7000");
  ExpectRefused({"--listen", "127.0.0.1:7000", "--metrics-listen", "127.0.0.1:7000"},
                "--metrics-listen: 127.0.0.1:7000 overlaps --listen 127.0.0.1:7000");
  ExpectRefused({"--health-listen=[::]:9", "--metrics-listen", "127.0.0.1:9"},
                "--health-listen: [::]:9 overlaps --metrics-listen 127.0.0.1:9");
  const std::string socket = Path("socket");
  ExpectRefused({"--listen=unix:" + socket, "--listen=unix://" + Path(".//socket")},
                "overlaps --listen unix:" + socket + ", expected another path");
  ExpectFileRefused("listen = 127.0.0.1:7000\n\nhealth-listen = localhost:7000\n",
                    "3: --health-listen: localhost:7000 overlaps --listen 127.0.0.1:7000");
  ExpectFileRefused("listen = 127.0.0.1:7000\nlisten = 127.0.0.1:7001\nlisten = 127.0.0.1:7000\n",
                    "3: --listen: 127.0.0.1:7000 overlaps --listen 127.0.0.1:7000");
}

TEST_F(CheckConfigTest, SocketsThatCannotBe) {
  ExpectFileRefused("listen = unix:" + Path("nowhere/socket") + "\n",
                    "1: --listen: unix:" + Path("nowhere/socket") + ": there is no directory " +
                        Path("nowhere") + "; create it, or choose another path");
  ExpectRefused({"--health-listen", "unix:" + Path("nowhere/socket")},
                "--health-listen: unix:" + Path("nowhere/socket") + ": there is no directory");
  ExpectFileRefused("# long\nlisten = unix:/" + std::string(107, 'a') + "\n",
                    "2: --listen: listen: unix:/aaa");
  WriteConfig("");
  ExpectRefused({"--listen", "unix:" + Path("config/socket")}, "there is no directory");
}

TEST_F(CheckConfigTest, MoreMemoryThanThereIs) {
  ExpectFileRefused("backend = cpu\nmemory = 64T\n",
                    "2: --memory: 70368744177664 bytes, expected at most ");
  ExpectRefused({"--backend", "reference", "--memory", "64T"},
                "--memory: 70368744177664 bytes, expected at most ");
}

TEST_F(CheckConfigTest, ABackendThatCannotRunHere) {
  if (ChooseBackend("cuda").ok()) GTEST_SKIP() << "there is a GPU";
  WriteConfig("backend = cuda\n");
  ExpectFails({"--check-config", "--config", Path("config")}, 2,
              Path("config") + ":1: --backend: cuda: ");
  ExpectFails({"--check-config", "--devices", "63"}, 2, "--devices: cuda: ");
}

TEST_F(CheckConfigTest, KeysThatSayNothingOrTooMuch) {
  ExpectFileRefused("memroy = 1G\n", "1: unknown option memroy; is it memory?");
  ExpectFileRefused("check-config = true\n", "1: unknown option check-config");
  ExpectFileRefused("threads = 1\nmax-k = 4\nthreads = 2\n",
                    "3: threads is set in line 1 already; keep one of them");
  ExpectFileRefused("threads = 0\n", "1: --threads: Value 0 not in range");
  ExpectFileRefused("max-answer-bytes = 64M\n",
                    "1: --max-answer-bytes: 67108864, expected at most");
  ExpectRefused({"--thread", "1"}, "--thread; is it --threads?");
  ExpectRefused({"--quite-something-else", "1"}, "--quite-something-else\n");
}

}  // namespace
}  // namespace kvsift
