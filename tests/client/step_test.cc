// Pipelined steps against a real server, undisturbed, broken and restarted.
#include <unistd.h>

#include <atomic>
#include <deque>
#include <filesystem>
#include <future>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/cpp/selection.h"
#include "client/cpp/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kvsift/client.h"
#include "tests/client/faulty_proxy.h"
#include "tests/client/sample_store.h"
#include "tests/end_to_end/test_server.h"

namespace kvsift {
namespace {

using testing::ElementsAre;
using testing::SizeIs;
using Answer = absl::StatusOr<client::SelectionResult>;

constexpr int64_t kKeyElements = 2 * 32;
constexpr int64_t kQueryElements = 4 * 32;

// Decode steps of one sequence at layer 2: each appends a key and selects.
class Decode {
 public:
  Decode(uint64_t id, int64_t steps)
      : id_(id),
        keys_(SampleElements(steps * kKeyElements, static_cast<uint32_t>(2 * id))),
        queries_(SampleElements(steps * kQueryElements, static_cast<uint32_t>(2 * id + 1))) {}

  client::StepRequest Step(int64_t position) const {
    client::StepRequest step;
    step.layer_id = 2;
    step.entries = {{.sequence_id = id_, .start = position}};
    step.keys =
        client::Float32Vectors(std::span(keys_).subspan(position * kKeyElements, kKeyElements));
    step.queries.policies = {{.k = 8}};
    step.queries.vectors = client::Float32Vectors(
        std::span(queries_).subspan(position * kQueryElements, kQueryElements));
    step.queries.want_scores = true;
    return step;
  }

 private:
  uint64_t id_;
  std::vector<float> keys_;
  std::vector<float> queries_;
};

// What the unary call answers to a step, now or again.
Answer Unary(v1::SelectionService::Stub& stub, const client::Store& store,
             const client::StepRequest& step) {
  v1::StepRequest request;
  EXPECT_TRUE(client::ToProto(store, step, request).ok());
  grpc::ClientContext context;
  v1::StepResponse response;
  const grpc::Status status = stub.Step(&context, request, &response);
  if (!status.ok()) return client::ToAbslStatus(status);
  return client::FromProto(response, client::EntryRows(store, step));
}

void ExpectSame(const Answer& left, const Answer& right) {
  ASSERT_TRUE(left.ok() && left->ok()) << left.status();
  ASSERT_TRUE(right.ok() && right->ok()) << right.status();
  EXPECT_EQ(left->positions, right->positions);
  EXPECT_EQ(left->scores, right->scores);
}

class Steps : public testing::Test {
 protected:
  std::unique_ptr<Client> Connect(const std::string& address, int channels = 1) {
    client::Options options;
    options.channels = channels;
    options.attempts = 100;  // a step that waits behind others lives through all their breaks
    options.first_backoff = absl::Milliseconds(1);
    auto client = Client::Connect(address, options, Soon());
    EXPECT_TRUE(client.ok()) << client.status();
    return *std::move(client);
  }

  void SetUp() override {
    auto store = Connect(server_.address())->CreateStore(SampleConfig("steps"), Soon());
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
  }

  TestServer server_;
  client::Store store_;
};

// Each thread has a sequence of its own, and all of its steps are on their way at once.
TEST_F(Steps, PipelinedOnesAnswerLikeUnaryOnes) {
  constexpr int kThreads = 4;
  constexpr int kSteps = 50;
  for (const int channels : {1, 3}) {
    const auto client = Connect(server_.address(), channels);
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        const Decode decode(10 * channels + t, kSteps);
        std::vector<std::future<Answer>> answers;
        for (int i = 0; i < kSteps; ++i) {
          answers.push_back(client->StepAsync(store_, decode.Step(i), Soon()));
        }
        for (int i = 0; i < kSteps; ++i) {
          ExpectSame(answers[i].get(), Unary(server_.stub(), store_, decode.Step(i)));
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
}

TEST_F(Steps, SelectionsTravelWithThem) {
  const auto client = Connect(server_.address());
  const Decode decode(1, 20);
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(client->Step(store_, decode.Step(i), Soon())->ok());
  client::StepRequest step = decode.Step(19);
  client::SelectRequest select;
  select.layer_id = step.layer_id;
  select.entries = {{.sequence_id = 1}};
  select.queries = step.queries;
  ExpectSame(client->SelectAsync(store_, select, Soon()).get(),
             Unary(server_.stub(), store_, step));
  select.entries[0].sequence_id = 2;
  const Answer unknown = client->Select(store_, select, Soon());
  ASSERT_TRUE(unknown.ok()) << unknown.status();
  ASSERT_THAT(unknown->errors, SizeIs(1));
  EXPECT_TRUE(absl::IsNotFound(unknown->errors[0].status)) << unknown->errors[0].status;
}

TEST_F(Steps, OnesThatAreWrongDoNotDisturbTheirNeighbours) {
  const auto client = Connect(server_.address());
  const Decode decode(1, 30);
  const Decode gap(2, 30);
  client::Store other = store_;
  other.fingerprint ^= 1;
  std::vector<std::future<Answer>> good;
  std::vector<std::future<Answer>> stale;
  std::vector<std::future<Answer>> late;
  for (int i = 0; i < 20; ++i) {
    good.push_back(client->StepAsync(store_, decode.Step(i), Soon()));
    stale.push_back(client->StepAsync(other, decode.Step(i), Soon()));
    late.push_back(client->StepAsync(store_, gap.Step(i + 1), Soon()));
  }
  for (int i = 0; i < 20; ++i) {
    const Answer answer = good[i].get();
    ASSERT_TRUE(answer.ok() && answer->ok()) << answer.status();
    EXPECT_THAT(answer->lengths, ElementsAre(i + 1));
    EXPECT_TRUE(absl::IsFailedPrecondition(stale[i].get().status()));
    const Answer failed = late[i].get();
    ASSERT_TRUE(failed.ok()) << failed.status();
    ASSERT_THAT(failed->errors, SizeIs(1));
    EXPECT_EQ(failed->errors[0].length, 0);
  }
}

TEST_F(Steps, ABreakLosesNoneAndDoublesNone) {
  constexpr int kSteps = 60;
  FaultyProxy proxy(server_.stub());
  std::deque<Fault> faults(4 * kSteps, Fault::kNone);
  for (const int call : {3, 40, 41, 90}) faults[call] = Fault::kLoseCall;
  for (const int answer : {0, 17, 60, 95}) faults[answer] = Fault::kLoseAnswer;
  proxy.SetFaults(faults);
  const auto client = Connect(proxy.address());
  const Decode decodes[] = {{1, kSteps}, {2, kSteps}};
  std::vector<std::future<Answer>> answers;
  for (int i = 0; i < kSteps; ++i) {
    for (const Decode& decode : decodes) {
      answers.push_back(client->StepAsync(store_, decode.Step(i), Soon()));
    }
  }
  for (int i = 0; i < 2 * kSteps; ++i) {
    ExpectSame(answers[i].get(), Unary(server_.stub(), store_, decodes[i % 2].Step(i / 2)));
  }
  EXPECT_EQ(proxy.streams_of_steps, 9);
  for (const uint64_t id : {1, 2}) {
    EXPECT_EQ(client->GetSequence("steps", id, Soon())->layers[0].length, kSteps);
  }
}

TEST_F(Steps, RefusedOnesOfDifferentSequencesAreAllAnswered) {
  FaultyProxy proxy(server_.stub());
  std::deque<Fault> faults;
  for (int i = 0; i < 100; ++i) faults.push_back(i % 3 == 0 ? Fault::kRefuse : Fault::kNone);
  proxy.SetFaults(faults);
  const auto client = Connect(proxy.address());
  std::vector<Decode> decodes;
  for (int i = 0; i < 50; ++i) decodes.emplace_back(i, 1);
  std::vector<std::future<Answer>> answers;
  for (const Decode& decode : decodes) {
    answers.push_back(client->StepAsync(store_, decode.Step(0), Soon()));
  }
  for (int i = 0; i < 50; ++i) {
    ExpectSame(answers[i].get(), Unary(server_.stub(), store_, decodes[i].Step(0)));
  }
  EXPECT_EQ(proxy.streams_of_steps, 1);
}

// Breaks at random while threads decode, and a client that ends in the middle of it.
TEST_F(Steps, SurviveBreaksUnderLoad) {
  constexpr int kThreads = 4;
  constexpr int kSteps = 40;
  FaultyProxy proxy(server_.stub());
  std::mt19937 random(11);
  std::deque<Fault> faults;
  for (int i = 0; i < 1000; ++i) {
    const auto roll = random() % 40;
    faults.push_back(roll == 0 ? Fault::kLoseCall : roll == 1 ? Fault::kLoseAnswer : Fault::kNone);
  }
  proxy.SetFaults(faults);
  client::Options options;
  options.channels = 2;
  options.attempts = 1000;
  options.first_backoff = absl::Milliseconds(1);
  auto client = *Client::Connect(proxy.address(), options, Soon());
  std::atomic<int> answered = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      const Decode decode(t, kSteps);
      for (int i = 0; i < kSteps; ++i) {
        client->StepAsync(store_, decode.Step(i), Soon(), [&, i](const Answer& answer) {
          if (answer.ok() && answer->ok() && answer->lengths[0] == i + 1) ++answered;
        });
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  client.reset();
  EXPECT_EQ(answered, kThreads * kSteps);
}

// A server on a socket that can be started again there.
class Restart : public testing::Test {
 protected:
  ~Restart() override { std::filesystem::remove(path_); }

  void Start(uint64_t incarnation) {
    ServerOptions options;
    options.listen = {absl::StrCat("unix:", path_)};
    options.incarnation = incarnation;
    auto started = Server::Start(options, logger_);
    ASSERT_TRUE(started.ok()) << started.status();
    server_ = *std::move(started);
  }

  Logger logger_{LogLevel::kOff, LogFormat::kText};
  std::string path_ = testing::TempDir() + absl::StrCat("kvsift-restart-", getpid());
  std::unique_ptr<Server> server_;
};

TEST_F(Restart, AServerThatLostItsStateSaysHowFarItsSequencesGo) {
  Start(1);
  const std::string address = absl::StrCat("unix:", path_);
  auto client = *Client::Connect(address, {}, Soon());
  const auto store = client->CreateStore(SampleConfig("steps"), Soon());
  ASSERT_TRUE(store.ok()) << store.status();
  const Decode decode(1, 10);
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(client->Step(*store, decode.Step(i), Soon())->ok());
  server_->Shutdown();
  server_.reset();
  // Sent while nobody is there, answered by the next server, which has no store yet.
  auto early = client->StepAsync(*store, decode.Step(5), Soon());
  Start(2);
  EXPECT_TRUE(absl::IsNotFound(early.get().status()));
  ASSERT_TRUE(client->CreateStore(SampleConfig("steps"), Soon()).ok());
  const Answer answer = client->Step(*store, decode.Step(6), Soon());
  ASSERT_TRUE(answer.ok()) << answer.status();
  ASSERT_THAT(answer->errors, SizeIs(1));
  EXPECT_TRUE(absl::IsFailedPrecondition(answer->errors[0].status)) << answer->errors[0].status;
  EXPECT_EQ(answer->errors[0].length, 0);
  EXPECT_EQ(answer->server_incarnation, 2u);
}

TEST_F(Restart, AHeldStreamDoesNotKeepAServerFromDraining) {
  Start(1);
  auto client = *Client::Connect(absl::StrCat("unix:", path_), {}, Soon());
  const auto store = client->CreateStore(SampleConfig("steps"), Soon());
  ASSERT_TRUE(client->Step(*store, Decode(1, 1).Step(0), Soon())->ok());
  EXPECT_TRUE(server_->Shutdown());  // nothing had to be cancelled
}

}  // namespace
}  // namespace kvsift
