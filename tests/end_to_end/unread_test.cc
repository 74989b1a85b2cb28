// Clients that do not read their answers: the server keeps so many, and whoever waits longest is
// sent away before anybody else is harmed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
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
    EXPECT_TRUE(Send(server_.stub(), &Stub::CreateStore, MakeCreate("s")).status.ok());
    EXPECT_TRUE(
        Send(server_.stub(), &Stub::AppendKeys, MakeAppend("s", {{1, 0, kPositions}}, random_))
            .status.ok());
    step_ = MakeStep("s", {{1, 0, 1}}, random_);
    step_.mutable_keys()->set_counts(0, 0);
    step_.mutable_keys()->clear_keys();
    step_.mutable_queries()->mutable_policies(0)->set_k(kPositions);
  }

  static ServerOptions Options() {
    ServerOptions options;
    options.limits.max_queued_bytes = 16 * kMiB;
    return options;
  }

  // A test that does not end is a failure.
  std::unique_ptr<Stream> Open(Stub& stub, grpc::ClientContext& context) {
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
    return stub.StreamSteps(&context);
  }

  // Asks kManySteps times, unless the server ends the stream before. Each step appends a key, and
  // the next follows when that is there: steps that come faster are refused for a full queue, and
  // refusals are too small to be too many.
  void AskWithoutReading(Stream& stream) {
    for (int i = 0; i < kManySteps; ++i) {
      const int64_t length = Length();
      v1::StreamStepsRequest request;
      *request.mutable_step() = step_;
      *request.mutable_step()->mutable_keys() = MakeStep("s", {{1, length, 1}}, random_).keys();
      if (!stream.Write(request)) return;
      // A step that came after the stream's end is never executed.
      const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(1);
      while (Length() == length && std::chrono::steady_clock::now() < until) {
        std::this_thread::yield();
      }
    }
  }

  void AskAndRead(Stream& stream) {
    v1::StreamStepsRequest request;
    *request.mutable_step() = step_;
    v1::StreamStepsResponse answer;
    ASSERT_TRUE(stream.Write(request) && stream.Read(&answer)) << "the one who reads was sent away";
    EXPECT_EQ(answer.code(), 0) << answer.message();
  }

  int64_t Length() { return server_.server().engine().GetSequence("s", 1)->lengths[0]; }

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

  Random random_{1};
  TestServer server_{Options()};
  v1::StepRequest step_;  // selects only
};

TEST_F(UnreadTest, WhoDoesNotReadIsSentAway) {
  grpc::ClientContext idle_context;
  const auto idle = Open(server_.stub(), idle_context);
  AskWithoutReading(*idle);
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
    idle.push_back(Open(*stubs.back(), *contexts.back()));
    AskWithoutReading(*idle.back());
    grpc::ClientContext context;
    const auto stream = Open(server_.stub(), context);
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
