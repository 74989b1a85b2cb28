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

TEST(ParseIpv4Address, RefusesWhatIsAnotherKindOfAddress) {
  EXPECT_EQ(ParseIpv4Address("localhost:9090")->host, "localhost");
  EXPECT_EQ(ParseIpv4Address("unix:/run/socket").status().message(),
            "listen: unix:/run/socket, expected HOST:PORT over IPv4, not IPv6 or a unix socket");
  EXPECT_FALSE(ParseIpv4Address("[::1]:9090").ok());
  EXPECT_EQ(ParseIpv4Address("9090").status().message(), "listen: 9090, expected HOST:PORT");
}

TEST(Overlap, OfAddressesThatOneServerAloneCanHave) {
  const auto overlap = [](const char* a, const char* b) {
    const bool is = Overlap(*ParseListenAddress(a), *ParseListenAddress(b));
    EXPECT_EQ(is, Overlap(*ParseListenAddress(b), *ParseListenAddress(a))) << a << " " << b;
    return is;
  };
  EXPECT_TRUE(overlap("10.0.0.1:5", "10.0.0.1:5"));
  EXPECT_TRUE(overlap("10.0.0.1:5", "0.0.0.0:5"));
  EXPECT_TRUE(overlap("[::]:5", "10.0.0.1:5"));
  EXPECT_TRUE(overlap("localhost:5", "[::1]:5"));
  EXPECT_TRUE(overlap("localhost:5", "127.0.0.1:5"));
  EXPECT_TRUE(overlap("unix:/run/a", "unix:///run/./x/..//a"));
  EXPECT_FALSE(overlap("127.0.0.1:5", "[::1]:5"));
  EXPECT_FALSE(overlap("10.0.0.1:5", "10.0.0.2:5"));
  EXPECT_FALSE(overlap("10.0.0.1:5", "10.0.0.1:6"));
  EXPECT_FALSE(overlap("0.0.0.0:0", "0.0.0.0:0"));
  EXPECT_FALSE(overlap("unix:/run/a", "unix:/run/b"));
  EXPECT_FALSE(overlap("unix:/run/a", "host:1"));
}

TEST(ParseListenAddress, RefusesWhatIsNoAddress) {
  for (const char* text : {"", ":", ":80", "host", "host:", "host:a", "host:-1", "host:65536",
                           "host: 80", "::1:80", "unix:", "unix://host/path", "host,other:80",
                           "80,host:80", "a host:80", "host:99999999999999999999"}) {
    EXPECT_EQ(ParseListenAddress(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

}  // namespace
}  // namespace kvsift
