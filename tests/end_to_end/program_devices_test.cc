// kvsift-server as a program: which devices it takes, and how it ends when one fails.
#include <memory>
#include <string>

#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "kernels/backends.h"
#include "tests/end_to_end/program_test.h"
#include "tests/end_to_end/refusal.h"
#include "tests/end_to_end/requests.h"
#include "tests/test_files.h"

namespace kvsift {
namespace {

using testing::HasSubstr;
using Stub = v1::SelectionService::Stub;

class DevicesTest : public ProgramTest {
 protected:
  // Connects to a server that has just been started.
  static std::unique_ptr<Stub> Connect(Program& program) {
    return v1::SelectionService::NewStub(grpc::CreateChannel(ListenedAddress(program.ReadLine()),
                                                             grpc::InsecureChannelCredentials()));
  }
};

TEST_F(DevicesTest, BadListsAreRefusedWithExitCode2) {
  ExpectFails({"--devices", "0,0"}, 2, "--devices: device 0 twice in \"0,0\", expected once");
  ExpectFails({"--devices", "-1"}, 2, "--devices: device \"-1\" of \"-1\", expected 0 to 63");
  ExpectFails({"--devices", "0,64"}, 2, "device \"64\" of \"0,64\", expected 0 to 63");
  ExpectFails({"--devices="}, 2, "--devices");
  ExpectFails({"--devices", "0", "--backend", "cpu"}, 2,
              "--devices: 0 with --backend cpu, expected cuda or auto");
  ExpectFails({"--devices", "1", "--backend", "reference"}, 2,
              "--devices: 1 with --backend reference, expected cuda or auto");
}

TEST_F(DevicesTest, AGpuThatIsNotThereEndsTheStartWithExitCode1) {
  const absl::Status status = ChooseBackend("cuda", 63).status();
  ASSERT_FALSE(status.ok());
  const std::string why = "--devices: " + std::string(status.message());
  ExpectFails({"--devices", "63"}, 1, why);
  ExpectFails({"--devices", "63", "--backend", "cuda"}, 1, why);
}

TEST_F(DevicesTest, WithoutAGpuCudaEndsTheStartAndAutoSaysWhyItIsAnother) {
  const absl::Status status = ChooseBackend("cuda").status();
  if (status.ok()) GTEST_SKIP() << "there is a GPU";
  const std::string why(status.message());
  ExpectFails({"--backend", "cuda"}, 1, "--backend: " + why);
  const auto program = Start({"--listen", "127.0.0.1:0"});
  const auto stub = Connect(*program);
  EXPECT_THAT(Errors(), HasSubstr("backend passed over reason=\"" + why + "\""));
  grpc::ClientContext context;
  v1::GetServerResponse server;
  ASSERT_TRUE(stub->GetServer(&context, {}, &server).ok());
  EXPECT_EQ(server.backend(), "cpu");
}

// The whole way: a device fails, the call that met it is not answered, the server drains and ends
// with a code of its own.
class FailureTest : public DevicesTest {
 protected:
  void ExpectEndsWithCode3(const std::string& server) {
    const auto program = Start({"--listen", "127.0.0.1:0"}, server);
    const auto stub = Connect(*program);
    Random random(1);
    ASSERT_TRUE(Send(*stub, &Stub::CreateStore, MakeCreate("s")).status.ok());
    const Outcome appended = Send(*stub, &Stub::AppendKeys, MakeAppend("s", {{1, 0, 40}}, random));
    ASSERT_TRUE(appended.status.ok() && appended.entry_errors.empty());
    const Outcome lost = Send(*stub, &Stub::Select, MakeSelect("s", {1}, random));
    ASSERT_EQ(lost.entry_errors.size(), 1u);
    EXPECT_EQ(lost.entry_errors[0].code(), grpc::StatusCode::UNAVAILABLE);
    EXPECT_THAT(lost.entry_errors[0].message(), HasSubstr("cudaError"));
    EXPECT_EQ(program->Wait(), 3);
    EXPECT_THAT(Errors(), HasSubstr("device failed reason="));
    EXPECT_THAT(Errors(), HasSubstr("stopped"));
  }
};

TEST_F(FailureTest, OfADeviceThatSaysSo) {
  ExpectEndsWithCode3(TestProgram("kvsift_failing_server"));
}

#ifdef KVSIFT_HAS_CUDA
TEST_F(FailureTest, OfAGpuThatTraps) {
  if (!ChooseBackend("cuda").ok()) GTEST_SKIP() << "no GPU";
  ExpectEndsWithCode3(TestProgram("kvsift_trapping_server"));
}
#endif

}  // namespace
}  // namespace kvsift
