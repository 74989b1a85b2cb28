// The port of health checks: what it says while a server serves, drains, and after a failure.
#include <gmock/gmock.h>
#include <unistd.h>

#include <csignal>
#include <memory>
#include <string>
#include <vector>

#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "tests/end_to_end/program_test.h"
#include "tests/end_to_end/raw_call.h"
#include "tests/end_to_end/refusal.h"
#include "tests/end_to_end/requests.h"
#include "tests/test_files.h"

namespace kvsift {
namespace {

using testing::StartsWith;
using Stub = v1::SelectionService::Stub;

constexpr char kService[] = "kvsift.v1.SelectionService";

std::shared_ptr<grpc::Channel> ChannelTo(const std::string& address) {
  return grpc::CreateChannel(address, grpc::InsecureChannelCredentials());
}

class HealthPortTest : public ProgramTest {
 protected:
  // Starts `program` with a listener, a port of metrics and one of health, and connects.
  void Serve(const std::vector<std::string>& more, const std::string& program = ServerProgram()) {
    std::vector<std::string> arguments = {"--listen", "127.0.0.1:0", "--metrics-listen",
                                          "127.0.0.1:0", "--health-listen=127.0.0.1:0"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    program_ = Start(arguments, program);
    address_ = ListenedAddress(program_->ReadLine());
    stub_ = v1::SelectionService::NewStub(ChannelTo(address_));
    EXPECT_THAT(program_->ReadLine(), StartsWith("metrics on "));
    const std::string line = program_->ReadLine();
    ASSERT_THAT(line, StartsWith("health on 127.0.0.1:"));
    health_ = ChannelTo(line.substr(10));
  }

  void ExpectReadiness(Health health) {
    EXPECT_EQ(CheckHealth(health_, ""), health);
    EXPECT_EQ(CheckHealth(health_, kService), health);
  }

  std::unique_ptr<Program> program_;
  std::string address_;
  std::unique_ptr<Stub> stub_;
  std::shared_ptr<grpc::Channel> health_;
};

TEST_F(HealthPortTest, SaysThatAServerServes) {
  Serve({});
  ExpectReadiness(Health::kServing);
  EXPECT_EQ(CheckHealth(health_, "liveness"), Health::kServing);
  program_->Signal(SIGTERM);
  EXPECT_EQ(program_->Wait(), 0);
}

TEST_F(HealthPortTest, ServesNothingElse) {
  Serve({});
  for (const char* method :
       {"/kvsift.v1.SelectionService/GetServer", "/kvsift.v1.EchoService/Echo", "/no.Service/Call",
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"}) {
    EXPECT_EQ(CallBytes(health_, method, "", nullptr).error_code(), grpc::StatusCode::UNIMPLEMENTED)
        << method;
  }
  EXPECT_EQ(CallBytes(health_, "/grpc.health.v1.Health/Check", "\x0a\x02no", nullptr).error_code(),
            grpc::StatusCode::NOT_FOUND);
  // The listeners have what they had.
  EXPECT_TRUE(
      CallBytes(ChannelTo(address_), "/kvsift.v1.SelectionService/GetServer", "", nullptr).ok());
  EXPECT_NE(CallBytes(ChannelTo(address_),
                      "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", "", nullptr)
                .error_code(),
            grpc::StatusCode::UNIMPLEMENTED);
}

// An open stream holds the drain.
TEST_F(HealthPortTest, SaysDuringADrainThatTheServerLivesAndIsNotReady) {
  Serve({"--drain-timeout", "3600"});
  grpc::ClientContext context;
  v1::StreamAppendKeysResponse response;
  const auto writer = stub_->StreamAppendKeys(&context, &response);
  ASSERT_TRUE(Send(*stub_, &Stub::GetServer, v1::GetServerRequest()).status.ok());
  program_->Signal(SIGTERM);
  while (Errors().find("draining") == std::string::npos) usleep(1000);
  ExpectReadiness(Health::kNotServing);
  EXPECT_EQ(CheckHealth(health_, "liveness"), Health::kServing);
  program_->Signal(SIGTERM);
  EXPECT_EQ(program_->Wait(), 1);
}

// The stream holds the drain that follows the failure.
TEST_F(HealthPortTest, SaysAfterAFailureThatARestartWouldHelp) {
  Serve({"--drain-timeout", "3600"}, TestProgram("kvsift_failing_server"));
  grpc::ClientContext context;
  v1::StreamAppendKeysResponse response;
  const auto writer = stub_->StreamAppendKeys(&context, &response);
  Random random(1);
  ASSERT_TRUE(Send(*stub_, &Stub::CreateStore, MakeCreate("s")).status.ok());
  ASSERT_TRUE(Send(*stub_, &Stub::AppendKeys, MakeAppend("s", {{1, 0, 4}}, random)).status.ok());
  EXPECT_EQ(CheckHealth(health_, "liveness"), Health::kServing);
  EXPECT_EQ(Send(*stub_, &Stub::Select, MakeSelect("s", {1}, random)).entry_errors.size(), 1u);
  ExpectReadiness(Health::kNotServing);
  EXPECT_EQ(CheckHealth(health_, "liveness"), Health::kNotServing);
  while (Errors().find("draining") == std::string::npos) usleep(1000);
  program_->Signal(SIGTERM);
  EXPECT_EQ(program_->Wait(), 1);
}

TEST_F(HealthPortTest, BadAddressesEndTheStart) {
  Serve({});
  ExpectFails({"--health-listen", "8080"}, 2, "--health-listen: listen: 8080, expected HOST:PORT");
  ExpectFails({"--listen", "127.0.0.1:0", "--health-listen", address_}, 1,
              "cannot listen on " + address_ + ": in use");
}

}  // namespace
}  // namespace kvsift
