// Bounds, callbacks, connections and the end of a client with steps on their way.
#include <atomic>
#include <future>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include "absl/synchronization/notification.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kvsift/client.h"
#include "tests/client/step_server.h"

namespace kvsift {
namespace {

using testing::HasSubstr;
using Answer = absl::StatusOr<client::SelectionResult>;

const client::Store kStore = BelievedStore();

// A server that answers nothing before it may.
struct GatedServer {
  absl::Notification may_answer;
  StepServer server{[this](StepsOfClient& steps, int stream) {
    may_answer.WaitForNotification();
    return AnswerAll(steps, stream);
  }};
};

client::Options AtMost(int steps) {
  client::Options options;
  options.max_steps_in_flight = steps;
  return options;
}

TEST(StepLimits, MoreUnansweredStepsThanAllowedAreRefused) {
  GatedServer gated;
  const auto client = gated.server.Connect(AtMost(2));
  auto first = client->StepAsync(kStore, OneKey(7, 0), Soon());
  auto second = client->StepAsync(kStore, OneKey(7, 1), Soon());
  const absl::Status refused = client->StepAsync(kStore, OneKey(7, 2), Soon()).get().status();
  EXPECT_TRUE(absl::IsResourceExhausted(refused));
  EXPECT_THAT(refused.ToString(), HasSubstr("2 steps"));
  EXPECT_THAT(refused.ToString(), HasSubstr("max_steps_in_flight"));
  gated.may_answer.Notify();
  EXPECT_TRUE(first.get().ok());
  EXPECT_TRUE(second.get().ok());
  EXPECT_TRUE(client->StepAsync(kStore, OneKey(7, 2), Soon()).get().ok());
}

TEST(StepLimits, SynchronousCallsWaitForRoomUntilTheirDeadline) {
  GatedServer gated;
  const auto client = gated.server.Connect(AtMost(1));
  auto first = client->StepAsync(kStore, OneKey(7, 0), Soon());
  EXPECT_TRUE(absl::IsDeadlineExceeded(
      client->Step(kStore, OneKey(7, 1), absl::Now() + absl::Milliseconds(20)).status()));
  std::vector<std::thread> threads;
  std::atomic<int> answered = 0;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      if (client->Step(kStore, OneKey(7, 1), Soon()).ok()) ++answered;
    });
  }
  gated.may_answer.Notify();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(answered, 4);
  EXPECT_TRUE(first.get().ok());
}

// Starts the next of `left` steps from the callback of the one before.
struct Chain {
  Client& client;
  int left;
  absl::Time deadline;
  std::vector<absl::StatusCode> codes = {};
  absl::Notification ended = {};

  void Next() {
    client.StepAsync(kStore, OneKey(7, 0), deadline, [this](const Answer& answer) {
      codes.push_back(answer.status().code());
      if (--left > 0) return Next();
      ended.Notify();
    });
  }
};

TEST(StepLimits, CallbacksMayStartSteps) {
  const StepServer server(AnswerAll);
  const auto client = server.Connect(AtMost(1));
  Chain chain{*client, 500, Soon()};
  chain.Next();
  chain.ended.WaitForNotification();
  EXPECT_THAT(chain.codes, testing::Each(absl::StatusCode::kOk));
}

// As many refusals as this one inside the other would need more stack than there is.
TEST(StepLimits, RefusalsThatStartStepsDoNotNest) {
  const StepServer server(AnswerAll);
  const auto client = server.Connect();
  Chain chain{*client, 50'000, absl::InfinitePast()};
  chain.Next();
  EXPECT_TRUE(chain.ended.HasBeenNotified());
  EXPECT_THAT(chain.codes, testing::Each(absl::StatusCode::kDeadlineExceeded));
}

TEST(StepLimits, AClientEndsWhenItsStepsHaveEnded) {
  for (const bool answers : {true, false}) {
    const StepServer server(answers ? AnswerAll : AnswerNone);
    auto client = server.Connect();
    std::atomic<int> told = 0;
    const absl::Time deadline = absl::Now() + absl::Milliseconds(answers ? 30'000 : 50);
    for (int i = 0; i < 100; ++i) {
      client->StepAsync(kStore, OneKey(i, 0), deadline, [&](const Answer&) { ++told; });
    }
    client.reset();
    EXPECT_EQ(told, 100);
  }
}

TEST(StepLimits, AClientThatWaitsForAServerEndsAtTheDeadline) {
  auto server = std::make_unique<StepServer>(AnswerAll);
  client::Options options;
  options.first_backoff = absl::Milliseconds(1);
  auto client = server->Connect(options);
  ASSERT_TRUE(client->Step(kStore, OneKey(7, 0), Soon()).ok());
  server.reset();
  absl::Status status;
  client->StepAsync(kStore, OneKey(7, 1), absl::Now() + absl::Milliseconds(100),
                    [&](const Answer& answer) { status = answer.status(); });
  client.reset();
  EXPECT_TRUE(absl::IsDeadlineExceeded(status)) << status;
}

TEST(StepLimits, ChannelsAreConnectionsAndEachSequenceHasOne) {
  constexpr int kSequences = 64;
  std::mutex mutex;
  std::map<uint64_t, std::vector<int>> streams_of;
  std::map<uint64_t, std::vector<int64_t>> starts_of;
  const StepServer server([&](StepsOfClient& steps, int stream) {
    v1::StreamStepsRequest request;
    while (steps.Read(&request)) {
      const uint64_t sequence = request.step().keys().sequence_ids(0);
      {
        const std::lock_guard lock(mutex);
        streams_of[sequence].push_back(stream);
        starts_of[sequence].push_back(request.step().keys().starts(0));
      }
      steps.Write(AnswerTo(request));
    }
    return grpc::Status::OK;
  });
  client::Options options;
  options.channels = 4;
  const auto client = server.Connect(options);
  std::vector<std::future<Answer>> answers;
  for (int start = 0; start < 3; ++start) {
    for (int i = 0; i < kSequences; ++i) {
      answers.push_back(client->StepAsync(kStore, OneKey(i, start), Soon()));
    }
  }
  for (auto& answer : answers) EXPECT_TRUE(answer.get().ok());
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(client->GetServer(Soon()).ok());
  EXPECT_EQ(server.streams(), 4);
  EXPECT_EQ(server.stream_peers(), 4u);
  EXPECT_EQ(server.unary_peers(), 4u);
  for (int i = 0; i < kSequences; ++i) {
    EXPECT_THAT(streams_of[i], testing::Each(streams_of[i][0])) << i;
    EXPECT_THAT(starts_of[i], testing::ElementsAre(0, 1, 2)) << i;
  }
}

}  // namespace
}  // namespace kvsift
