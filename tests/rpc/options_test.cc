#include "server/options.h"

#include <gtest/gtest.h>

#include "server/config_file.h"

namespace kvsift {
namespace {

ProgramOptions Parse(const std::vector<std::string>& arguments) {
  auto parsed = ParseProgramOptions(arguments, 3);
  EXPECT_TRUE(parsed.ok()) << parsed.status();
  return std::get<ProgramOptions>(*parsed);
}

TEST(Options, HaveTheDefaultsThatHelpStates) {
  const ProgramOptions options = Parse({});
  EXPECT_EQ(options.server.listen, std::vector<std::string>{"127.0.0.1:7600"});
  EXPECT_EQ(options.server.backend, "auto");
  EXPECT_EQ(options.server.memory_bytes, int64_t{1} << 30);
  EXPECT_EQ(options.server.threads, 3);
  EXPECT_EQ(options.server.max_message_bytes, 64 << 20);
  EXPECT_EQ(options.server.limits.max_answer_bytes, 56 << 20);
  EXPECT_EQ(options.server.limits.max_k, 65536);
  EXPECT_EQ(options.server.limits.max_stores, 1024);
  EXPECT_EQ(options.server.busy_poll, ServerOptions().busy_poll);
  EXPECT_EQ(options.server.drain_timeout, absl::Seconds(30));
  EXPECT_EQ(options.log_level, LogLevel::kInfo);
  EXPECT_EQ(options.log_format, LogFormat::kText);
}

TEST(Options, MetricsAreServedOnDemandAndOverTcpAlone) {
  EXPECT_EQ(Parse({}).server.metrics_listen, "");
  EXPECT_EQ(Parse({"--metrics-listen", "0.0.0.0:9090"}).server.metrics_listen, "0.0.0.0:9090");
  EXPECT_EQ(Parse({"--metrics-listen=a:1", "--metrics-listen=b:2"}).server.metrics_listen, "b:2");
  for (const char* bad : {"", "9090", "host:65536", "unix:socket", "[::1]:1", "a:1,b:2"}) {
    EXPECT_FALSE(ParseProgramOptions({std::string("--metrics-listen=") + bad}, 1).ok()) << bad;
  }
}

TEST(Options, SizesTakeSuffixes) {
  EXPECT_EQ(Parse({"--memory", "2097152"}).server.memory_bytes, 2 << 20);
  EXPECT_EQ(Parse({"--memory", "3M"}).server.memory_bytes, 3 << 20);
  EXPECT_EQ(Parse({"--memory=3MiB"}).server.memory_bytes, 3 << 20);
  EXPECT_EQ(Parse({"--memory", "2 GiB"}).server.memory_bytes, int64_t{2} << 30);
  EXPECT_FALSE(ParseProgramOptions({"--memory", "-1G"}, 1).ok());
  EXPECT_FALSE(ParseProgramOptions({"--memory", "99999999999G"}, 1).ok());
}

TEST(Options, MemoryGrowsOnlyOnDemand) {
  EXPECT_FALSE(Parse({}).server.grow_memory);
  EXPECT_TRUE(Parse({"--grow-memory"}).server.grow_memory);
  EXPECT_FALSE(Parse({"--grow-memory=false"}).server.grow_memory);
}

TEST(Options, AnAnswerLeavesRoomInItsMessage) {
  const ProgramOptions options = Parse({"--max-message-bytes", "32M"});
  EXPECT_EQ(options.server.limits.max_answer_bytes, 24 << 20);
  EXPECT_FALSE(
      ParseProgramOptions({"--max-message-bytes", "32M", "--max-answer-bytes", "25M"}, 1).ok());
}

TEST(Options, DevicesAreNumbersOfGpusInTheirOrder) {
  EXPECT_EQ(Parse({}).server.devices, std::vector<int32_t>());
  EXPECT_EQ(Parse({"--devices", "3,0"}).server.devices, (std::vector<int32_t>{3, 0}));
  EXPECT_EQ(Parse({"--devices=1", "--backend=cuda"}).server.devices, std::vector<int32_t>{1});
  for (const char* bad : {"", ",", "1,", "a", "0 1", "-1", "0,-2", "64", "99999999999", "2,1,2"}) {
    EXPECT_FALSE(ParseProgramOptions({std::string("--devices=") + bad}, 1).ok()) << bad;
  }
  EXPECT_FALSE(ParseProgramOptions({"--devices=0", "--backend=cpu"}, 1).ok());
}

TEST(Options, ListenersKeepTheirOrder) {
  const ProgramOptions options = Parse({"--listen", "a:1", "--listen=unix:b", "--threads", "2"});
  EXPECT_EQ(options.server.listen, (std::vector<std::string>{"a:1", "unix:b"}));
}

TEST(ConfigFile, ReadsKeysAndValues) {
  const auto lines = ParseConfig("f", "# c\r\n a = b c \r\n\nd=\"e = f\"");
  ASSERT_TRUE(lines.ok());
  ASSERT_EQ(lines->size(), 2u);
  EXPECT_EQ((*lines)[0].number, 2);
  EXPECT_EQ((*lines)[0].key, "a");
  EXPECT_EQ((*lines)[0].value, "b c");
  EXPECT_EQ((*lines)[1].number, 4);
  EXPECT_EQ((*lines)[1].value, "e = f");
  EXPECT_EQ(ParseConfig("f", "a = b\n= c").status().message(), "f:2: expected key = value: = c");
  EXPECT_FALSE(ReadConfigFile("/").ok());
}

}  // namespace
}  // namespace kvsift
