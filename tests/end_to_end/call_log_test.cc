// What kvsift-server logs of single calls: errors, slow ones, and the trace that they belong to.
#include <gmock/gmock.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "tests/end_to_end/program_test.h"
#include "tests/end_to_end/refusal.h"
#include "tests/end_to_end/requests.h"

namespace kvsift {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using Stub = v1::SelectionService::Stub;

constexpr char kTraceparent[] = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
constexpr char kTrace[] = "trace_id=4bf92f3577b34da6a3ce929d0e0e4736 span_id=00f067aa0ba902b7";

class CallLogTest : public ProgramTest {
 protected:
  void Serve(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"--listen", "127.0.0.1:0"});
    program_ = Start(arguments);
    stub_ = v1::SelectionService::NewStub(grpc::CreateChannel(ListenedAddress(program_->ReadLine()),
                                                              grpc::InsecureChannelCredentials()));
  }

  // A call that fails, with such headers.
  void Fail(const std::vector<std::string>& traceparents) {
    grpc::ClientContext context;
    for (const std::string& value : traceparents) context.AddMetadata("traceparent", value);
    v1::GetStoreRequest request;
    request.set_name("unknown");
    v1::GetStoreResponse response;
    EXPECT_EQ(stub_->GetStore(&context, request, &response).error_code(),
              grpc::StatusCode::NOT_FOUND);
  }

  // The line of the log that has `text`. A client has its answer a moment before that is there.
  std::string LineWith(const std::string& text) const {
    std::string log = Errors();
    for (; log.find(text) == std::string::npos; log = Errors()) usleep(1000);
    const size_t at = log.find(text);
    const size_t begin = log.rfind('\n', at) + 1;
    return log.substr(begin, log.find('\n', at) - begin);
  }

  std::unique_ptr<Program> program_;
  std::unique_ptr<Stub> stub_;
};

TEST_F(CallLogTest, FailedCallsAreLoggedWithTheirTrace) {
  Serve({});
  Fail({kTraceparent});
  EXPECT_THAT(LineWith("call failed"),
              AllOf(HasSubstr(" info call failed method=GetStore code=NOT_FOUND message=\""),
                    HasSubstr("unknown"), HasSubstr("peer=ipv4:127.0.0.1:"),
                    HasSubstr("user_agent="), HasSubstr(kTrace)));
}

TEST_F(CallLogTest, ATraceThatIsInvalidOrTwofoldIsIgnored) {
  Serve({});
  Fail({});
  Fail({"00-00000000000000000000000000000000-00f067aa0ba902b7-01"});
  Fail({kTraceparent, kTraceparent});
  Fail({"garbage"});
  std::string log = Errors();
  while (std::count(log.begin(), log.end(), '\n') < 5) log = Errors();
  EXPECT_THAT(log, AllOf(HasSubstr("call failed"), Not(HasSubstr("trace_id"))));
}

TEST_F(CallLogTest, JsonHasTheTraceAsMembers) {
  Serve({"--log-format", "json"});
  Fail({kTraceparent});
  EXPECT_THAT(LineWith("call failed"),
              HasSubstr("\"trace_id\":\"4bf92f3577b34da6a3ce929d0e0e4736\","
                        "\"span_id\":\"00f067aa0ba902b7\"}"));
}

TEST_F(CallLogTest, StepsOfAHeldStreamHaveTheTraceOfTheStream) {
  Serve({});
  grpc::ClientContext context;
  context.AddMetadata("traceparent", kTraceparent);
  const auto stream = stub_->StreamSteps(&context);
  v1::StreamStepsRequest request;
  request.mutable_step()->set_store("unknown");
  v1::StreamStepsResponse response;
  ASSERT_TRUE(stream->Write(request));
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_THAT(LineWith("call failed"),
              AllOf(HasSubstr("method=StreamSteps code=NOT_FOUND"), HasSubstr(kTrace)));
}

TEST_F(CallLogTest, AStepCanHaveATraceOfItsOwn) {
  Serve({});
  grpc::ClientContext context;
  context.AddMetadata("traceparent", "00-11111111111111111111111111111111-2222222222222222-01");
  const auto stream = stub_->StreamSteps(&context);
  v1::StreamStepsRequest request;
  request.mutable_step()->set_store("unknown");
  v1::StreamStepsResponse response;
  for (const char* traceparent : {"garbage", kTraceparent, ""}) {
    request.set_traceparent(traceparent);
    ASSERT_TRUE(stream->Write(request));
    ASSERT_TRUE(stream->Read(&response));
  }
  EXPECT_THAT(LineWith("trace_id=1111"), HasSubstr("span_id=2222222222222222"));
  EXPECT_THAT(LineWith(kTrace), HasSubstr("method=StreamSteps"));
  EXPECT_THAT(LineWith("call failed"), Not(HasSubstr("trace_id")));  // the first
}

TEST_F(CallLogTest, EntriesThatFailedAreLoggedOncePerCall) {
  Serve({});
  Random random(1);
  ASSERT_TRUE(Send(*stub_, &Stub::CreateStore, MakeCreate("s")).status.ok());
  const auto append = MakeAppend("s", {{1, 7, 1}, {2, 0, 1}, {3, 7, 1}}, random);
  EXPECT_EQ(Send(*stub_, &Stub::AppendKeys, append).entry_errors.size(), 2u);
  EXPECT_THAT(LineWith("entries failed"),
              AllOf(HasSubstr("method=AppendKeys code=FAILED_PRECONDITION message="),
                    HasSubstr("entries=2")));
  EXPECT_THAT(Errors(), Not(HasSubstr("call failed")));
}

TEST_F(CallLogTest, SlowCallsAreLogged) {
  Serve({"--log-slow", "1ns"});
  grpc::ClientContext context;
  context.AddMetadata("traceparent", kTraceparent);
  v1::GetServerResponse response;
  ASSERT_TRUE(stub_->GetServer(&context, {}, &response).ok());
  EXPECT_THAT(LineWith("slow call"),
              AllOf(HasSubstr(" warning slow call method=GetServer total_us="),
                    HasSubstr(" reply_us="), HasSubstr(kTrace)));
}

TEST_F(CallLogTest, NothingIsSlowWithZero) {
  Serve({"--log-slow", "0"});
  EXPECT_TRUE(Send(*stub_, &Stub::GetServer, v1::GetServerRequest()).status.ok());
  Fail({});
  EXPECT_THAT(LineWith("call failed"), HasSubstr("GetStore"));  // the earlier call is over, too
  EXPECT_THAT(Errors(), Not(HasSubstr("slow call")));
  ExpectFails({"--log-slow", "-1s"}, 2, "--log-slow: -1s, expected 0 to 24h");
  ExpectFails({"--log-slow", "5"}, 2, "--log-slow: 5, expected 0 to 24h, such as 250ms");
}

TEST_F(CallLogTest, AFloodOfFailuresIsHeldBack) {
  Serve({});
  for (int i = 0; i < 300; ++i) Fail({});
  const std::string log = Errors();
  EXPECT_GE(std::count(log.begin(), log.end(), '\n'), 10);
  EXPECT_LT(std::count(log.begin(), log.end(), '\n'), 300);
}

TEST_F(CallLogTest, LevelsHoldForCallsToo) {
  Serve({"--log-level", "warning", "--log-slow", "1ns"});
  Fail({});
  EXPECT_THAT(LineWith("slow call"), HasSubstr("GetStore"));
  EXPECT_THAT(Errors(), Not(HasSubstr("call failed")));
}

}  // namespace
}  // namespace kvsift
