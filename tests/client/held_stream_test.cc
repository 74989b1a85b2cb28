// The client's held streams against a server that answers late, wrongly or never.
#include <algorithm>
#include <atomic>
#include <future>
#include <random>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kvsift/client.h"
#include "tests/client/step_server.h"

namespace kvsift {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Answer = absl::StatusOr<client::SelectionResult>;

const client::Store kStore = BelievedStore();

client::Options Quick(int attempts = 8) {
  client::Options options;
  options.attempts = attempts;
  options.first_backoff = absl::Milliseconds(1);
  return options;
}

absl::Time In(absl::Duration duration) { return absl::Now() + duration; }

TEST(HeldStream, EachStepGetsItsAnswerInWhateverOrderTheyCome) {
  const StepServer server([](StepsOfClient& steps, int) {
    std::vector<v1::StreamStepsRequest> requests(20);
    for (auto& request : requests) EXPECT_TRUE(steps.Read(&request));
    std::mt19937 random(5);
    std::shuffle(requests.begin(), requests.end(), random);
    for (const auto& request : requests) steps.Write(AnswerTo(request));
    return AnswerNone(steps, 0);
  });
  const auto client = server.Connect();
  std::vector<std::future<Answer>> answers;
  for (int i = 0; i < 20; ++i) answers.push_back(client->StepAsync(kStore, OneKey(7, i), Soon()));
  for (int i = 0; i < 20; ++i) {
    const Answer answer = answers[i].get();
    ASSERT_TRUE(answer.ok()) << answer.status();
    EXPECT_THAT(answer->lengths, ElementsAre(i + 1));
  }
  EXPECT_EQ(server.streams(), 1);
}

TEST(HeldStream, ADeadlineIsKeptWithoutAnAnswer) {
  std::promise<int64_t> timeout_us;
  const StepServer server([&](StepsOfClient& steps, int) {
    v1::StreamStepsRequest request;
    EXPECT_TRUE(steps.Read(&request));
    timeout_us.set_value(request.timeout_us());
    return AnswerNone(steps, 0);
  });
  const auto client = server.Connect();
  EXPECT_TRUE(absl::IsDeadlineExceeded(
      client->Step(kStore, OneKey(7, 0), In(absl::Milliseconds(200))).status()));
  const int64_t sent = timeout_us.get_future().get();
  EXPECT_GT(sent, 0);
  EXPECT_LE(sent, 200'000);
  auto first = client->StepAsync(kStore, OneKey(7, 0), In(absl::Milliseconds(40)));
  auto second = client->StepAsync(kStore, OneKey(7, 0), In(absl::Milliseconds(20)));
  EXPECT_TRUE(absl::IsDeadlineExceeded(second.get().status()));
  EXPECT_TRUE(absl::IsDeadlineExceeded(first.get().status()));
}

TEST(HeldStream, APassedDeadlineIsRefusedAndNotSent) {
  const StepServer server(AnswerAll);
  const auto client = server.Connect();
  const absl::Time past = In(-absl::Seconds(1));
  EXPECT_TRUE(absl::IsDeadlineExceeded(client->Step(kStore, OneKey(7, 0), past).status()));
  EXPECT_TRUE(
      absl::IsDeadlineExceeded(client->StepAsync(kStore, OneKey(7, 0), past).get().status()));
  EXPECT_EQ(server.streams(), 0);
}

TEST(HeldStream, ALateAnswerIsDropped) {
  const StepServer server([](StepsOfClient& steps, int) {
    v1::StreamStepsRequest late;
    v1::StreamStepsRequest next;
    EXPECT_TRUE(steps.Read(&late) && steps.Read(&next));
    steps.Write(AnswerTo(late));
    steps.Write(AnswerTo(next));
    return AnswerNone(steps, 0);
  });
  const auto client = server.Connect();
  EXPECT_TRUE(absl::IsDeadlineExceeded(
      client->Step(kStore, OneKey(7, 0), In(absl::Milliseconds(100))).status()));
  const Answer answer = client->Step(kStore, OneKey(7, 1), Soon());
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_THAT(answer->lengths, ElementsAre(2));
}

TEST(HeldStream, UnansweredStepsGoToTheNextStreamInTheirOrder) {
  std::vector<int64_t> starts;
  const StepServer server([&](StepsOfClient& steps, int stream) {
    v1::StreamStepsRequest request;
    for (int i = 0; steps.Read(&request); ++i) {
      if (stream == 0 && i == 5) return kEndOfServer;  // nothing but step 2 is answered
      if (stream == 1) starts.push_back(request.step().keys().starts(0));
      if (stream == 1 || i == 2) steps.Write(AnswerTo(request));
    }
    return grpc::Status::OK;
  });
  const auto client = server.Connect(Quick());
  std::vector<std::future<Answer>> answers;
  for (int i = 0; i < 10; ++i) answers.push_back(client->StepAsync(kStore, OneKey(7, i), Soon()));
  for (auto& answer : answers) {
    const Answer result = answer.get();
    EXPECT_TRUE(result.ok()) << result.status();
  }
  EXPECT_THAT(starts, ElementsAre(0, 1, 3, 4, 5, 6, 7, 8, 9));
}

TEST(HeldStream, AnAnswerOfUnavailableIsAskedForAgain) {
  std::atomic<int> refusals = 0;
  const StepServer server([&](StepsOfClient& steps, int) {
    v1::StreamStepsRequest request;
    while (steps.Read(&request)) {
      const bool refuses = request.step().keys().starts(0) == 1 && refusals < 3;
      if (refuses) ++refusals;
      steps.Write(refuses ? FailureOf(request, grpc::StatusCode::UNAVAILABLE) : AnswerTo(request));
    }
    return grpc::Status::OK;
  });
  const auto client = server.Connect(Quick());
  std::vector<std::future<Answer>> answers;
  for (int i = 0; i < 5; ++i) answers.push_back(client->StepAsync(kStore, OneKey(7, i), Soon()));
  for (auto& answer : answers) EXPECT_TRUE(answer.get().ok());
  EXPECT_EQ(refusals, 3);
  EXPECT_EQ(server.streams(), 1);
}

TEST(HeldStream, StepsAreGivenUpAfterTheirAttempts) {
  std::atomic<int> sends = 0;
  const StepServer refuses([&](StepsOfClient& steps, int) {
    v1::StreamStepsRequest request;
    while (steps.Read(&request)) {
      ++sends;  // before the client can know
      steps.Write(FailureOf(request, grpc::StatusCode::UNAVAILABLE));
    }
    return grpc::Status::OK;
  });
  const StepServer ends([](StepsOfClient& steps, int) {
    v1::StreamStepsRequest request;
    steps.Read(&request);
    return kEndOfServer;
  });
  const Answer refused = refuses.Connect(Quick(3))->Step(kStore, OneKey(7, 0), Soon());
  EXPECT_TRUE(absl::IsUnavailable(refused.status())) << refused.status();
  EXPECT_EQ(sends, 3);
  const auto client = ends.Connect(Quick(3));
  std::vector<std::future<Answer>> answers;
  for (int i = 0; i < 3; ++i) answers.push_back(client->StepAsync(kStore, OneKey(7, i), Soon()));
  for (auto& answer : answers) {
    EXPECT_THAT(answer.get().status().ToString(), HasSubstr("ended on purpose"));
  }
  EXPECT_GE(ends.streams(), 3);
  EXPECT_LE(ends.streams(), 5);  // steps may have joined after a break
}

TEST(HeldStream, AStreamThatEndsIdleIsOpenedAgainAtTheNextStep) {
  const StepServer server([](StepsOfClient& steps, int) {
    v1::StreamStepsRequest request;
    if (steps.Read(&request)) steps.Write(AnswerTo(request));
    return kEndOfServer;
  });
  const auto client = server.Connect(Quick());
  for (int i = 0; i < 5; ++i) {
    const Answer answer = client->Step(kStore, OneKey(7, i), Soon());
    ASSERT_TRUE(answer.ok()) << answer.status();
    EXPECT_THAT(answer->lengths, ElementsAre(i + 1));
  }
}

TEST(HeldStream, AVerdictOfTheServerIsFinal) {
  const StepServer server([](StepsOfClient& steps, int) {
    v1::StreamStepsRequest request;
    steps.Read(&request);
    return grpc::Status(grpc::StatusCode::UNIMPLEMENTED, "no such method");
  });
  const auto client = server.Connect(Quick());
  for (int i = 0; i < 2; ++i) {
    EXPECT_TRUE(absl::IsUnimplemented(client->Step(kStore, OneKey(7, 0), Soon()).status()));
  }
  EXPECT_EQ(server.streams(), 2);
}

TEST(HeldStream, AFailedStepLeavesItsNeighboursAlone) {
  const StepServer server([](StepsOfClient& steps, int) {
    v1::StreamStepsRequest request;
    for (int i = 0; steps.Read(&request); ++i) {
      v1::StreamStepsResponse response = AnswerTo(request);
      if (i == 0) {
        response = FailureOf(request, grpc::StatusCode::INVALID_ARGUMENT);
        response.mutable_detail()->set_field("step.keys.counts[0]");
      }
      if (i == 1) response.mutable_step()->clear_lengths();
      steps.Write(response);
    }
    return grpc::Status::OK;
  });
  const auto client = server.Connect();
  auto refused = client->StepAsync(kStore, OneKey(7, 0), Soon());
  auto malformed = client->StepAsync(kStore, OneKey(7, 1), Soon());
  auto answered = client->StepAsync(kStore, OneKey(7, 2), Soon());
  const absl::Status status = refused.get().status();
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  ASSERT_TRUE(client::GetErrorDetail(status).has_value());
  EXPECT_EQ(client::GetErrorDetail(status)->field, "step.keys.counts[0]");
  EXPECT_TRUE(absl::IsInternal(malformed.get().status()));
  EXPECT_TRUE(answered.get().ok());
  EXPECT_EQ(server.streams(), 1);
}

TEST(HeldStream, TooLargeAStepIsRefusedHere) {
  const StepServer server(AnswerAll);
  client::Options options = Quick();
  options.max_message_bytes = 1000;
  const auto client = server.Connect(options);
  const std::vector<float> keys = SampleElements(64 * 2 * 32, 3);
  client::StepRequest step = OneKey(7, 0);
  step.entries[0].key_count = 64;
  step.keys = client::Float32Vectors(keys);
  const Answer answer = client->Step(kStore, step, Soon());
  EXPECT_TRUE(absl::IsResourceExhausted(answer.status()));
  EXPECT_THAT(answer.status().ToString(), HasSubstr("at most 1000"));
  EXPECT_EQ(server.streams(), 0);
}

}  // namespace
}  // namespace kvsift
