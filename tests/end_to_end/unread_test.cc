// Clients that do not read their answers: the server keeps so many, and whoever waits longest is
// sent away before anybody else is harmed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <thread>
#include <vector>

#include "tests/end_to_end/refusal.h"
#include "tests/end_to_end/requests.h"
#include "tests/end_to_end/test_server.h"

namespace kvsift {
namespace {

using Stub = v1::SelectionService::Stub;
using Stream = grpc::ClientReaderWriter<v1::StreamStepsRequest, v1::StreamStepsResponse>;

constexpr int64_t kMiB = int64_t{1} << 20;
// Twice the limit below, so that some wait whatever gRPC's own buffers take in.
constexpr int kManySteps = 32;
constexpr int64_t kPositions = 65536;  // an answer with all of them, for 4 heads, has 1 MiB

// The test and the server share a process, so that it can look at what the server holds.
class UnreadTest : public testing::Test {
 protected:
  UnreadTest() {
    Random random(1);
    EXPECT_TRUE(Send(server_.stub(), &Stub::CreateStore, MakeCreate("s")).status.ok());
    EXPECT_TRUE(
        Send(server_.stub(), &Stub::AppendKeys, MakeAppend("s", {{1, 0, kPositions}}, random))
            .status.ok());
    step_ = MakeStep("s", {{1, 0, 1}}, random);
    step_.mutable_keys()->set_counts(0, 0);
    step_.mutable_keys()->clear_keys();
    step_.mutable_queries()->mutable_policies(0)->set_k(kPositions);
  }

  static ServerOptions Options() {
    ServerOptions options;
    options.limits.max_queued_bytes = 16 * kMiB;
    return options;
  }

  // Asks so often, unless the server ends the stream before.
  void Ask(Stream& stream, int steps) {
    v1::StreamStepsRequest request;
    *request.mutable_step() = step_;
    for (int i = 0; i < steps && stream.Write(request); ++i) {
    }
  }

  // Asks until the answer is none that the queue is full, which it may be with the others' steps.
  void AskAndRead(Stream& stream) {
    v1::StreamStepsResponse answer;
    do {
      Ask(stream, 1);
      ASSERT_TRUE(stream.Read(&answer)) << "the one who reads was sent away";
    } while (answer.code() == grpc::StatusCode::UNAVAILABLE);
    EXPECT_EQ(answer.code(), 0) << answer.message();
  }

  // Waits until the server has ended the stream, without reading.
  static void WaitForEnd(Stream& stream) {
    while (stream.Write({})) std::this_thread::yield();
  }

  // Reads to the end; the number of answers with `code`.
  static int ReadAll(Stream& stream, int code) {
    v1::StreamStepsResponse answer;
    int answers = 0;
    while (stream.Read(&answer)) answers += answer.code() == code;
    return answers;
  }

  TestServer server_{Options()};
  v1::StepRequest step_;
};

TEST_F(UnreadTest, WhoDoesNotReadIsSentAway) {
  grpc::ClientContext idle_context;
  const auto idle = server_.stub().StreamSteps(&idle_context);
  Ask(*idle, kManySteps);
  WaitForEnd(*idle);
  EXPECT_LT(ReadAll(*idle, 0), kManySteps);
  const grpc::Status status = idle->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_THAT(status.error_message(), testing::HasSubstr("not read"));
}

// Each idle one asks for twice the limit.
TEST_F(UnreadTest, WhoReadsIsServedBesideManyWhoDoNot) {
  constexpr int kIdle = 6;
  std::vector<std::unique_ptr<Stub>> stubs;
  std::vector<std::unique_ptr<grpc::ClientContext>> contexts;
  std::vector<std::unique_ptr<Stream>> idle;
  for (int i = 0; i < kIdle; ++i) {
    stubs.push_back(v1::SelectionService::NewStub(server_.Connect()));
    contexts.push_back(std::make_unique<grpc::ClientContext>());
    idle.push_back(stubs.back()->StreamSteps(contexts.back().get()));
    Ask(*idle.back(), kManySteps);
    grpc::ClientContext context;
    const auto stream = server_.stub().StreamSteps(&context);
    for (int k = 0; k < 4; ++k) AskAndRead(*stream);
    stream->WritesDone();
    EXPECT_TRUE(stream->Finish().ok());
  }
  for (const auto& stream : idle) {
    WaitForEnd(*stream);
    EXPECT_LT(ReadAll(*stream, 0), kManySteps);
    EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
  }
}

}  // namespace
}  // namespace kvsift
