// StreamSteps: pipelining, ids, errors of single steps, garbage, half-close, flow control,
// timeouts, cancellation, and the end of a server.
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <thread>

#include "grpcpp/generic/generic_stub.h"
#include "tests/end_to_end/refusal.h"
#include "tests/end_to_end/requests.h"
#include "tests/end_to_end/test_server.h"
#include "tests/engine/remote_backend.h"

namespace kvsift {
namespace {

using Stub = v1::SelectionService::Stub;
using Stream = grpc::ClientReaderWriter<v1::StreamStepsRequest, v1::StreamStepsResponse>;

v1::StreamStepsRequest WithId(uint64_t id, const v1::StepRequest& step) {
  v1::StreamStepsRequest request;
  request.set_id(id);
  *request.mutable_step() = step;
  return request;
}

class StepStreamTest : public testing::TestWithParam<Transport> {
 protected:
  StepStreamTest() {
    EXPECT_TRUE(Send(server_.stub(), &Stub::CreateStore, MakeCreate("s")).status.ok());
    EXPECT_TRUE(Send(server_.stub(), &Stub::CreateStore, MakeCreate("unary")).status.ok());
  }

  std::unique_ptr<Stream> Open() { return server_.stub().StreamSteps(&context_); }

  // Reads `count` answers.
  static std::map<uint64_t, v1::StreamStepsResponse> Read(Stream& stream, size_t count) {
    std::map<uint64_t, v1::StreamStepsResponse> answers;
    v1::StreamStepsResponse answer;
    while (answers.size() < count && stream.Read(&answer)) answers[answer.id()] = answer;
    EXPECT_EQ(answers.size(), count);
    return answers;
  }

  TestServer server_{{}, GetParam()};
  grpc::ClientContext context_;
};
INSTANTIATE_TEST_SUITE_P(Over, StepStreamTest, testing::Values(Transport::kTcp, Transport::kUnix),
                         [](const auto& test) { return TransportName(test.param); });

// More steps than are read ahead, on two sequences: each answer is the one that the unary call
// gives, and steps of a sequence run in their order.
TEST_P(StepStreamTest, PipelinedStepsAnswerAsUnaryOnesDo) {
  constexpr int64_t kSteps = 200;
  const auto stream = Open();
  std::map<uint64_t, v1::StepResponse> expected;
  std::thread writer([&] {
    Random random(1);
    for (int64_t i = 0; i < kSteps; ++i) {
      v1::StepRequest step = MakeStep("s", {{1, i, 1}, {2, i, 1}}, random);
      ASSERT_TRUE(stream->Write(WithId(1000 + i, step)));
      step.set_store("unary");
      grpc::ClientContext context;
      ASSERT_TRUE(server_.stub().Step(&context, step, &expected[1000 + i]).ok());
    }
    stream->WritesDone();
  });
  const auto answers = Read(*stream, kSteps);
  writer.join();
  for (const auto& [id, answer] : answers) {
    EXPECT_EQ(answer.code(), 0) << answer.message();
    EXPECT_EQ(answer.step().SerializeAsString(), expected[id].SerializeAsString()) << id;
  }
  EXPECT_TRUE(stream->Finish().ok());
}

TEST_P(StepStreamTest, EachStepOnlyAppendsOrOnlySelectsOrBoth) {
  Random random(2);
  const auto stream = Open();
  v1::StepRequest append = MakeStep("s", {{1, 0, 1}}, random);
  append.clear_queries();
  v1::StepRequest select = MakeStep("s", {{1, 1, 1}}, random);
  select.mutable_keys()->set_counts(0, 0);
  select.mutable_keys()->clear_keys();
  ASSERT_TRUE(stream->Write(WithId(1, append)));
  ASSERT_TRUE(stream->Write(WithId(2, select)));
  ASSERT_TRUE(stream->Write(WithId(3, MakeStep("s", {{1, 1, 1}}, random))));
  const auto answers = Read(*stream, 3);
  EXPECT_EQ(answers.at(1).step().lengths(0), 1);
  EXPECT_EQ(answers.at(1).step().answer().counts(), "");
  EXPECT_EQ(Ints(answers.at(2).step().answer().counts()), std::vector<int32_t>(kQueryHeads, 1));
  EXPECT_EQ(Ints(answers.at(3).step().answer().counts()), std::vector<int32_t>(kQueryHeads, 2));
}

TEST_P(StepStreamTest, ARefusedStepNamesTheFieldAndTheStreamGoesOn) {
  Random random(3);
  const auto stream = Open();
  v1::StepRequest bad = MakeStep("s", {{1, 0, 1}}, random);
  bad.mutable_queries()->mutable_policies(0)->set_k(0);
  ASSERT_TRUE(stream->Write(WithId(7, bad)));
  ASSERT_TRUE(stream->Write(WithId(8, MakeStep("nowhere", {{1, 0, 1}}, random))));
  ASSERT_TRUE(stream->Write(WithId(9, MakeStep("s", {{1, 5, 1}, {2, 0, 1}}, random))));
  ASSERT_TRUE(stream->Write(WithId(10, MakeStep("s", {{1, 0, 1}}, random))));
  const auto answers = Read(*stream, 4);
  EXPECT_EQ(answers.at(7).code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(answers.at(7).detail().field(), "queries.policies[0].k");
  EXPECT_FALSE(answers.at(7).has_step());
  EXPECT_EQ(answers.at(8).code(), grpc::StatusCode::NOT_FOUND);
  ASSERT_EQ(answers.at(9).step().entry_errors_size(), 1) << "a gap in sequence 1 alone";
  EXPECT_EQ(answers.at(9).step().entry_errors(0).entry(), 0);
  EXPECT_EQ(answers.at(10).code(), 0);
}

TEST_P(StepStreamTest, GarbageIsAnsweredWithIdZeroAndTheStreamGoesOn) {
  Random random(4);
  grpc::GenericStub generic(server_.Connect());
  grpc::CompletionQueue queue;
  grpc::ClientContext context;
  const auto call =
      generic.PrepareCall(&context, "/kvsift.v1.SelectionService/StreamSteps", &queue);
  void* tag = nullptr;
  bool ok = false;
  const auto wait = [&] { return queue.Next(&tag, &ok) && ok; };
  const auto send = [&](const std::string& bytes) {
    grpc::Slice slice(bytes);
    call->Write(grpc::ByteBuffer(&slice, 1), nullptr);
    return wait();
  };
  const auto receive = [&] {
    grpc::ByteBuffer bytes;
    call->Read(&bytes, nullptr);
    EXPECT_TRUE(wait());
    v1::StreamStepsResponse answer;
    grpc::ProtoBufferReader reader(&bytes);
    EXPECT_TRUE(answer.ParseFromZeroCopyStream(&reader));
    return answer;
  };
  call->StartCall(nullptr);
  ASSERT_TRUE(wait());
  const std::string step = WithId(5, MakeStep("s", {{1, 0, 1}}, random)).SerializeAsString();
  // An id that parses before the garbage is not to be believed.
  ASSERT_TRUE(send(step.substr(0, step.size() - 3)));
  EXPECT_EQ(receive().id(), 0u);
  ASSERT_TRUE(send("\xff\xff\xff\xff"));
  const v1::StreamStepsResponse garbage = receive();
  EXPECT_EQ(garbage.id(), 0u);
  EXPECT_EQ(garbage.code(), grpc::StatusCode::INVALID_ARGUMENT);
  ASSERT_TRUE(send(step));
  const v1::StreamStepsResponse answer = receive();
  EXPECT_EQ(answer.id(), 5u);
  EXPECT_EQ(answer.code(), 0);
  context.TryCancel();
  grpc::Status status;
  call->Finish(&status, nullptr);
  wait();
}

TEST_P(StepStreamTest, HalfCloseEndsTheStreamAfterAllAnswers) {
  Random random(5);
  const auto stream = Open();
  for (int64_t i = 0; i < 30; ++i) {
    ASSERT_TRUE(stream->Write(WithId(i, MakeStep("s", {{1, i, 1}}, random))));
  }
  stream->WritesDone();
  Read(*stream, 30);
  v1::StreamStepsResponse more;
  EXPECT_FALSE(stream->Read(&more));
  EXPECT_TRUE(stream->Finish().ok());
}

TEST_P(StepStreamTest, DrainingAnswersWhatWasReadAndEndsTheStream) {
  Random random(6);
  const auto stream = Open();
  ASSERT_TRUE(stream->Write(WithId(1, MakeStep("s", {{1, 0, 1}}, random))));
  EXPECT_EQ(Read(*stream, 1).at(1).code(), 0);
  EXPECT_TRUE(server_.server().Shutdown()) << "an idle stream holds nothing up";
  v1::StreamStepsResponse none;
  EXPECT_FALSE(stream->Read(&none));
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
}

// Streams over a device that holds its work back.
class HeldStepsTest : public testing::Test {
 protected:
  HeldStepsTest() {
    ServerOptions options;
    options.max_stream_steps = 4;
    options.make_backends = [this](Executor&) {
      auto made = CreateRemoteBackend({});
      remote_ = made.get();
      return OneBackend(std::move(made));
    };
    server_ = std::make_unique<TestServer>(options);
    Random random(1);
    EXPECT_TRUE(Send(server_->stub(), &Stub::CreateStore, MakeCreate("s")).status.ok());
    EXPECT_TRUE(
        Send(server_->stub(), &Stub::AppendKeys, MakeAppend("s", {{1, 0, 8}, {2, 0, 8}}, random))
            .status.ok());
  }

  void HoldAll() {
    remote_->Hold([](const Batch&) { return true; });
  }
  void WaitForHeld(int64_t count) {
    while (remote_->held() < count) std::this_thread::yield();
  }

  // A step that only selects.
  static v1::StepRequest MakeSelectStep(uint64_t sequence, Random& random) {
    v1::StepRequest step = MakeStep("s", {{sequence, 0, 1}}, random);
    step.mutable_keys()->set_counts(0, 0);
    step.mutable_keys()->clear_keys();
    return step;
  }

  RemoteBackend* remote_ = nullptr;
  std::unique_ptr<TestServer> server_;
  grpc::ClientContext context_;
};

TEST_F(HeldStepsTest, AStepThatTimesOutInTheQueueIsNotExecuted) {
  Random random(2);
  const auto stream = server_->stub().StreamSteps(&context_);
  HoldAll();
  // The first appends; the second, on the same sequence, waits for it and gives up.
  ASSERT_TRUE(stream->Write(WithId(1, MakeStep("s", {{1, 8, 1}}, random))));
  WaitForHeld(1);
  v1::StreamStepsRequest late = WithId(2, MakeStep("s", {{1, 9, 1}}, random));
  late.set_timeout_us(1);
  ASSERT_TRUE(stream->Write(late));
  ASSERT_TRUE(stream->Write(WithId(3, MakeSelectStep(2, random))));
  WaitForHeld(2);  // so the late one has been read, too
  remote_->Release();
  std::map<uint64_t, v1::StreamStepsResponse> answers;
  v1::StreamStepsResponse answer;
  while (answers.size() < 3 && stream->Read(&answer)) answers[answer.id()] = answer;
  EXPECT_EQ(answers[1].code(), 0);
  EXPECT_EQ(answers[2].code(), grpc::StatusCode::DEADLINE_EXCEEDED) << answers[2].message();
  EXPECT_EQ(answers[1].step().lengths(0), 9);
  const auto length = [&] {
    v1::GetSequenceRequest get;
    get.set_store("s");
    get.set_sequence_id(1);
    v1::GetSequenceResponse got;
    grpc::ClientContext context;
    EXPECT_TRUE(server_->stub().GetSequence(&context, get, &got).ok());
    return got.sequence().layers(0).length();
  };
  EXPECT_EQ(length(), 9);
}

TEST_F(HeldStepsTest, OnlySoManyStepsOfAStreamAreTaken) {
  Random random(3);
  const auto stream = server_->stub().StreamSteps(&context_);
  HoldAll();
  std::thread writer([&] {
    for (int i = 0; i < 40; ++i) stream->Write(WithId(i, MakeSelectStep(1, random)));
    stream->WritesDone();
  });
  WaitForHeld(1);
  while (server_->server().engine().Queue().requests < 4) std::this_thread::yield();
  for (int i = 0; i < 1000; ++i) {
    ASSERT_LE(server_->server().engine().Queue().requests, 4);
    std::this_thread::yield();
  }
  remote_->Release();
  v1::StreamStepsResponse answer;
  int answers = 0;
  while (stream->Read(&answer)) answers += answer.code() == 0;
  EXPECT_EQ(answers, 40);
  writer.join();
  EXPECT_TRUE(stream->Finish().ok());
}

TEST_F(HeldStepsTest, WhatWaitsWhenTheClientCancelsIsNotExecuted) {
  Random random(4);
  const auto stream = server_->stub().StreamSteps(&context_);
  HoldAll();
  for (int64_t i = 0; i < 3; ++i) {
    ASSERT_TRUE(stream->Write(WithId(i, MakeStep("s", {{1, 8 + i, 1}}, random))));
  }
  WaitForHeld(1);
  while (server_->server().engine().Queue().requests < 3) std::this_thread::yield();
  context_.TryCancel();
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
  // The first one is on the device; give the server the time to hear of the cancellation.
  const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(200);
  while (std::chrono::steady_clock::now() < until) std::this_thread::yield();
  remote_->Release();
  while (server_->server().engine().Queue().requests > 0) std::this_thread::yield();
  const auto sequence = server_->server().engine().GetSequence("s", 1);
  EXPECT_EQ(sequence->lengths[0], 9) << "the two that waited were not executed";
}

}  // namespace
}  // namespace kvsift
