// What clients and health checks see when a device fails for good, and what a server of several
// devices is.
#include <gmock/gmock.h>

#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/end_to_end/raw_call.h"
#include "tests/end_to_end/refusal.h"
#include "tests/end_to_end/requests.h"
#include "tests/end_to_end/test_server.h"
#include "tests/engine/failing_backend.h"
#include "tests/engine/forwarding_backend.h"
#include "tests/kernels/backends_under_test.h"

namespace kvsift {
namespace {

using testing::HasSubstr;
using Stub = v1::SelectionService::Stub;

std::unique_ptr<Backend> MakeDevice(Executor& executor) {
  return MakeBackendUnderTest("reference", int64_t{1} << 20, executor);
}

// The second device is said to be this.
BackendInfo SecondInfo() {
  return {.name = "reference",
          .description = "a GPU in words",
          .memory_bytes = 1 << 20,
          .device = 5,
          .sharing = DeviceSharing::kTimeSliced};
}

// Two devices with stores "s" and "other"; the first fails when it is asked to select.
class FailureTest : public testing::Test {
 protected:
  FailureTest() : server_(Options()) {
    EXPECT_TRUE(Send(stub(), &Stub::CreateStore, MakeCreate("s")).status.ok());
    v1::CreateStoreRequest other = MakeCreate("other");
    other.mutable_config()->set_device(1);
    EXPECT_TRUE(Send(stub(), &Stub::CreateStore, other).status.ok());
    for (const char* store : {"s", "other"}) {
      const Outcome appended =
          Send(stub(), &Stub::AppendKeys, MakeAppend(store, {{1, 0, 40}}, random_));
      EXPECT_TRUE(appended.status.ok() && appended.entry_errors.empty());
    }
  }

  ServerOptions Options() {
    ServerOptions options;
    options.on_failure = [this] { ++reports_; };
    options.make_backends = [](Executor& executor) {
      auto backends = OneBackend(CreateFailingBackend(MakeDevice(executor), HasSelections));
      backends.push_back(std::make_unique<ForwardingBackend>(MakeDevice(executor), SecondInfo()));
      return backends;
    };
    return options;
  }

  Stub& stub() { return server_.stub(); }

  v1::SelectResponse Select(const std::string& store) {
    grpc::ClientContext context;
    v1::SelectResponse response;
    const grpc::Status status = stub().Select(&context, MakeSelect(store, {1}, random_), &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response;
  }

  v1::GetServerResponse Describe() {
    grpc::ClientContext context;
    v1::GetServerResponse response;
    EXPECT_TRUE(stub().GetServer(&context, {}, &response).ok());
    return response;
  }

  std::atomic<int> reports_ = 0;
  Random random_{1};
  TestServer server_;
};

TEST_F(FailureTest, EveryDeviceIsDescribed) {
  const v1::GetServerResponse server = Describe();
  EXPECT_EQ(server.backend(), "reference");
  ASSERT_EQ(server.devices_size(), 2);
  for (const v1::Device& device : server.devices()) {
    EXPECT_EQ(device.name(), "reference");
    EXPECT_EQ(device.budget_bytes(), 1 << 20);
    EXPECT_GT(device.resident_bytes(), 0);
    EXPECT_EQ(device.free_bytes(), device.budget_bytes() - device.resident_bytes());
  }
  EXPECT_EQ(server.devices(0).description(), server.backend_description());
  EXPECT_EQ(server.devices(0).number(), 0);
  EXPECT_EQ(server.devices(0).sharing(), v1::DEVICE_SHARING_NOT_SHARED);
  EXPECT_EQ(server.devices(1).description(), "a GPU in words");
  EXPECT_EQ(server.devices(1).number(), 5);
  EXPECT_EQ(server.devices(1).sharing(), v1::DEVICE_SHARING_TIME_SLICED);
}

TEST_F(FailureTest, AStoreOnADeviceThatIsNotThereIsRefused) {
  v1::CreateStoreRequest third = MakeCreate("third");
  third.mutable_config()->set_device(2);
  const Outcome refused = Send(stub(), &Stub::CreateStore, third);
  EXPECT_EQ(refused.status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(refused.status.error_message(), HasSubstr("config.device: 2"));
}

TEST_F(FailureTest, HealthSaysItAndTheOwnerHearsOfItOnce) {
  EXPECT_EQ(CheckHealth(server_.Connect(), ""), Health::kServing);
  EXPECT_TRUE(server_.server().failure().ok());
  Select("s");
  Select("s");
  EXPECT_EQ(CheckHealth(server_.Connect(), ""), Health::kNotServing);
  EXPECT_EQ(CheckHealth(server_.Connect(), "kvsift.v1.SelectionService"), Health::kNotServing);
  EXPECT_EQ(server_.server().failure().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(reports_, 1);
}

TEST_F(FailureTest, CallsOnTheDeviceGetUnavailableAndNoPositions) {
  for (int i = 0; i < 2; ++i) {
    const v1::SelectResponse lost = Select("s");
    ASSERT_EQ(lost.entry_errors_size(), 1);
    EXPECT_EQ(lost.entry_errors(0).code(), grpc::StatusCode::UNAVAILABLE);
    EXPECT_THAT(lost.entry_errors(0).message(), HasSubstr("cudaErrorTest"));
    for (const int32_t position : Ints(lost.answer().positions())) EXPECT_EQ(position, -1);
    for (const int32_t count : Ints(lost.answer().counts())) EXPECT_EQ(count, 0);
  }
  const Outcome append = Send(stub(), &Stub::AppendKeys, MakeAppend("s", {{1, 40, 1}}, random_));
  ASSERT_EQ(append.entry_errors.size(), 1u);
  EXPECT_EQ(append.entry_errors[0].code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(Select("other").entry_errors_size(), 0);
}

}  // namespace
}  // namespace kvsift
