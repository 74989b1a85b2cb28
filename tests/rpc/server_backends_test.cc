#include "server/rpc/server_backends.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kernels/backends.h"
#include "tests/engine/forwarding_backend.h"

namespace kvsift {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;

class ServerBackendsTest : public testing::Test {
 protected:
  // Makes backends as `options` say and returns what was logged.
  std::string LogOf(const ServerOptions& options) {
    testing::internal::CaptureStderr();
    made_ = MakeServerBackends(options, executor_, logger_);
    return testing::internal::GetCapturedStderr();
  }

  // Devices that say of themselves how they are shared.
  static ServerOptions Shared(const std::vector<DeviceSharing>& sharing) {
    ServerOptions options;
    options.make_backends = [sharing](Executor& executor) {
      std::vector<std::unique_ptr<Backend>> backends;
      for (const DeviceSharing how : sharing) {
        auto inner = CreateBackend("reference", {.memory_bytes = 4096, .executor = &executor});
        BackendInfo info = (*inner)->info();
        info.sharing = how;
        backends.push_back(std::make_unique<ForwardingBackend>(*std::move(inner), std::move(info)));
      }
      return backends;
    };
    return options;
  }

  InlineExecutor executor_;
  Logger logger_{LogLevel::kInfo, LogFormat::kText};
  absl::StatusOr<ServerBackends> made_ = absl::UnknownError("not made");
};

int Occurrences(const std::string& text, const std::string& part) {
  int count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

TEST_F(ServerBackendsTest, TimeSlicedGpusAreWarnedOfOnce) {
  const std::string log = LogOf(Shared({DeviceSharing::kTimeSliced, DeviceSharing::kTimeSliced}));
  EXPECT_EQ(Occurrences(log, "warning GPU without MPS"), 1) << log;
  EXPECT_THAT(log, HasSubstr("a round trip can take 2 ms"));
  EXPECT_THAT(made_->backends, SizeIs(2));
}

TEST_F(ServerBackendsTest, OtherDevicesAreNot) {
  EXPECT_THAT(LogOf(Shared({DeviceSharing::kMps, DeviceSharing::kNotShared})),
              Not(HasSubstr("MPS")));
}

TEST_F(ServerBackendsTest, EachBackendIsLogged) {
  ServerOptions options;
  options.backend = "reference";
  options.memory_bytes = 8192;
  EXPECT_THAT(LogOf(options), HasSubstr("backend name=reference"));
  ASSERT_TRUE(made_.ok()) << made_.status();
  EXPECT_THAT(made_->backends, SizeIs(1));
  EXPECT_EQ(made_->backends[0]->info().memory_bytes, 8192);
  EXPECT_EQ(made_->completions, nullptr);
}

TEST_F(ServerBackendsTest, ErrorsNameTheOption) {
  ServerOptions options;
  options.backend = "abacus";
  EXPECT_EQ(LogOf(options), "");
  EXPECT_THAT(std::string(made_.status().message()), HasSubstr("--backend: "));
  options.backend = "auto";
  options.devices = {1000};
  EXPECT_EQ(LogOf(options), "");
  EXPECT_EQ(made_.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(made_.status().message()), HasSubstr("--devices: cuda: "));
}

}  // namespace
}  // namespace kvsift
