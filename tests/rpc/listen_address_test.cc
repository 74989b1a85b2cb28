#include "server/rpc/listen_address.h"

#include <gtest/gtest.h>

namespace kvsift {
namespace {

TEST(ParseListenAddress, ReadsHostsPortsAndPaths) {
  const auto tcp = ParseListenAddress("localhost:0");
  ASSERT_TRUE(tcp.ok());
  EXPECT_FALSE(tcp->is_unix());
  EXPECT_EQ(tcp->WithPort(7600), "localhost:7600");
  const auto ipv6 = ParseListenAddress("[::]:80");
  ASSERT_TRUE(ipv6.ok());
  EXPECT_EQ(ipv6->WithPort(80), "[::]:80");
  const auto path = ParseListenAddress("unix:run/socket");
  ASSERT_TRUE(path.ok());
  EXPECT_EQ(path->path, "run/socket");
  EXPECT_EQ(path->WithPort(1), "unix:run/socket");
  EXPECT_EQ(ParseListenAddress("unix:///run/socket")->path, "/run/socket");
}

TEST(ParseListenAddress, RefusesWhatIsNoAddress) {
  for (const char* text :
       {"", ":", ":80", "host", "host:", "host:a", "host:-1", "host:65536", "host: 80", "::1:80",
        "unix:", "unix://host/path", "host:99999999999999999999"}) {
    EXPECT_EQ(ParseListenAddress(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

}  // namespace
}  // namespace kvsift
