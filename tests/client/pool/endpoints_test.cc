#include "client/pool/endpoints.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace kvsift::client {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;

TEST(Endpoints, WhatIsNoTargetIsNamed) {
  for (const char* target :
       {"", "host", "host:", ":1", "host:0", "host:65536", "host:x", "unix:", "10.0.0.1:7600,", ",",
        "dns:///host", "dns://8.8.8.8/host:1", "10.0.0.1:7600, 10.0.0.2:port"}) {
    const absl::Status status = CheckTarget(target);
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << target;
    EXPECT_THAT(std::string(status.message()), HasSubstr("expected host:port")) << target;
  }
}

TEST(Endpoints, LiteralsStandAsTheyAreInOneOrder) {
  const auto addresses =
      ResolveTarget("unix:/run/b.sock,10.0.0.2:7600,[fd00::1]:7600,10.0.0.1:7600,10.0.0.2:7600");
  ASSERT_TRUE(addresses.ok()) << addresses.status();
  EXPECT_THAT(*addresses,
              ElementsAre("10.0.0.1:7600", "10.0.0.2:7600", "[fd00::1]:7600", "unix:/run/b.sock"));
  EXPECT_FALSE(HasNames("unix:/run/b.sock,10.0.0.2:7600,[fd00::1]:7600"));
}

TEST(Endpoints, NamesAreLookedUpWithAndWithoutAScheme) {
  for (const char* target : {"localhost:7600", "dns:///localhost:7600"}) {
    EXPECT_TRUE(HasNames(target));
    const auto addresses = ResolveTarget(target);
    ASSERT_TRUE(addresses.ok()) << addresses.status();
    EXPECT_THAT(*addresses, Contains("127.0.0.1:7600")) << target;
  }
}

}  // namespace
}  // namespace kvsift::client
