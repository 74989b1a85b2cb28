// Many clients at once, clients that go away in the middle of calls, and shutdown under load.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "tests/end_to_end/refusal.h"
#include "tests/end_to_end/requests.h"
#include "tests/end_to_end/test_server.h"
#include "tests/engine/remote_backend.h"

namespace kvsift {
namespace {

using Stub = v1::SelectionService::Stub;

constexpr int kClients = 8;

// Runs client(index) on as many threads.
template <typename Client>
void RunClients(Client client) {
  std::vector<std::thread> threads;
  for (int i = 0; i < kClients; ++i) threads.emplace_back(client, i);
  for (std::thread& thread : threads) thread.join();
}

TEST(ConcurrencyTest, ClientsOfTheirOwnSequencesDoNotDisturbEachOther) {
  TestServer server;
  ASSERT_TRUE(Send(server.stub(), &Stub::CreateStore, MakeCreate("s")).status.ok());
  constexpr int64_t kSteps = 60;
  std::atomic<int> failures = 0;
  RunClients([&](int client) {
    const auto stub = v1::SelectionService::NewStub(server.Connect());
    Random random(client);
    for (int64_t position = 0; position < kSteps; ++position) {
      grpc::ClientContext context;
      v1::StepResponse response;
      const auto request = MakeStep("s", {{uint64_t(client), position, 1}}, random);
      const grpc::Status status = stub->Step(&context, request, &response);
      const bool is_right =
          status.ok() && response.entry_errors_size() == 0 && response.lengths(0) == position + 1;
      if (is_right) continue;
      ++failures;
      ADD_FAILURE() << "client " << client << " position " << position << ": "
                    << status.error_message() << " " << response.ShortDebugString();
    }
  });
  EXPECT_EQ(failures, 0);
  const std::string state = Snapshot(server.stub());
  EXPECT_NE(state.find("sequences: 8"), std::string::npos);
}

// Equal appends of all clients at once: each is either applied or already there.
TEST(ConcurrencyTest, TheSameAppendFromAllClientsIsAppliedOnce) {
  TestServer server;
  ASSERT_TRUE(Send(server.stub(), &Stub::CreateStore, MakeCreate("s")).status.ok());
  std::atomic<int> failures = 0;
  RunClients([&](int) {
    const auto stub = v1::SelectionService::NewStub(server.Connect());
    Random random(7);
    for (int64_t start = 0; start < 300; start += 30) {
      const Outcome outcome =
          Send(*stub, &Stub::AppendKeys, MakeAppend("s", {{1, start, 30}}, random));
      if (!outcome.status.ok() || !outcome.entry_errors.empty()) ++failures;
    }
  });
  EXPECT_EQ(failures, 0);
  v1::GetSequenceRequest get;
  get.set_store("s");
  get.set_sequence_id(1);
  v1::GetSequenceResponse response;
  grpc::ClientContext context;
  ASSERT_TRUE(server.stub().GetSequence(&context, get, &response).ok());
  EXPECT_EQ(response.sequence().layers(0).length(), 300);
}

// Calls are cancelled at every moment, by the client or by their deadline; the server serves on.
TEST(ConcurrencyTest, CancelledCallsAreHarmless) {
  TestServer server;
  ASSERT_TRUE(Send(server.stub(), &Stub::CreateStore, MakeCreate("s")).status.ok());
  Random random(1);
  ASSERT_TRUE(Send(server.stub(), &Stub::AppendKeys, MakeAppend("s", {{1, 0, 20'000}}, random))
                  .status.ok());
  std::atomic<int> cancelled = 0;
  RunClients([&](int client) {
    const auto stub = v1::SelectionService::NewStub(server.Connect());
    Random own(client);
    const auto request = MakeSelect("s", std::vector<uint64_t>(32, 1), own);
    for (int call = 0; call < 40; ++call) {
      grpc::ClientContext context;
      context.set_deadline(std::chrono::system_clock::now() +
                           std::chrono::microseconds(100 * (own() % 40)));
      v1::SelectResponse response;
      if (!stub->Select(&context, request, &response).ok()) ++cancelled;
    }
  });
  EXPECT_GT(cancelled, 0);
  EXPECT_TRUE(Send(server.stub(), &Stub::Select, MakeSelect("s", {1}, random)).status.ok());
}

// A server on a backend that holds its batches until the test says so.
struct HeldServer {
  explicit HeldServer(absl::Duration drain_timeout) {
    ServerOptions options;
    options.drain_timeout = drain_timeout;
    options.make_backends = [this](Executor&) {
      auto made = CreateRemoteBackend({});
      backend = made.get();
      return OneBackend(std::move(made));
    };
    server = std::make_unique<TestServer>(options);
    EXPECT_TRUE(Send(server->stub(), &Stub::CreateStore, MakeCreate("s")).status.ok());
    backend->Hold([](const Batch& batch) { return !batch.writes.empty(); });
  }

  // Starts an append that waits in the backend.
  std::thread StartAppend(Outcome& outcome) {
    std::thread append([this, &outcome] {
      Random random(1);
      outcome = Send(server->stub(), &Stub::AppendKeys, MakeAppend("s", {{1, 0, 1}}, random));
    });
    while (backend->held() == 0) std::this_thread::yield();
    return append;
  }

  RemoteBackend* backend = nullptr;
  std::unique_ptr<TestServer> server;
};

TEST(ShutdownTest, CallsInFlightAreDrainedAndNewOnesAreRefused) {
  HeldServer held(absl::InfiniteDuration());
  Outcome appended;
  std::thread append = held.StartAppend(appended);
  bool is_drained = false;
  std::thread shutdown([&] { is_drained = held.server->server().Shutdown(); });
  grpc::StatusCode refused = grpc::StatusCode::OK;
  while (refused == grpc::StatusCode::OK) {  // until the gate is closed
    refused =
        Send(held.server->stub(), &Stub::GetServer, v1::GetServerRequest()).status.error_code();
  }
  EXPECT_EQ(refused, grpc::StatusCode::UNAVAILABLE);
  held.backend->Release();
  shutdown.join();
  append.join();
  EXPECT_TRUE(is_drained);
  EXPECT_TRUE(appended.status.ok()) << appended.status.error_message();
  EXPECT_TRUE(appended.entry_errors.empty());
}

TEST(ShutdownTest, ClientsThatKeepCallingAreToldToRetry) {
  ServerOptions options;
  options.drain_timeout = absl::Seconds(30);
  TestServer server(options);
  std::atomic<int> answered = 0;
  std::atomic<int> told = 0;
  std::thread shutdown([&] {
    while (answered < kClients) std::this_thread::yield();
    server.server().Shutdown();
  });
  RunClients([&](int) {
    const auto stub = v1::SelectionService::NewStub(server.Connect());
    EXPECT_TRUE(Send(*stub, &Stub::GetServer, v1::GetServerRequest()).status.ok());
    ++answered;
    grpc::Status status;
    while (status.ok()) status = Send(*stub, &Stub::GetServer, v1::GetServerRequest()).status;
    if (status.error_code() == grpc::StatusCode::UNAVAILABLE) ++told;
  });
  shutdown.join();
  EXPECT_EQ(told, kClients);
}

TEST(ShutdownTest, CallsThatOutlastTheDrainAreCancelled) {
  HeldServer held(absl::ZeroDuration());
  Outcome appended;
  std::thread append = held.StartAppend(appended);
  bool is_drained = true;
  std::thread shutdown([&] { is_drained = held.server->server().Shutdown(); });
  append.join();  // the client hears at once, though the device still works
  EXPECT_FALSE(appended.status.ok());
  held.backend->Release();
  shutdown.join();
  EXPECT_FALSE(is_drained);
}

TEST(ShutdownTest, AnOpenStreamDoesNotHoldTheServerBeyondTheDrain) {
  ServerOptions options;
  options.drain_timeout = absl::Milliseconds(1);
  TestServer server(options);
  grpc::ClientContext context;
  v1::StreamAppendKeysResponse response;
  const auto writer = server.stub().StreamAppendKeys(&context, &response);
  ASSERT_TRUE(Send(server.stub(), &Stub::CreateStore, MakeCreate("s")).status.ok());
  Random random(1);
  v1::StreamAppendKeysRequest part;
  part.set_store("s");
  *part.mutable_keys() = MakeAppend("s", {{1, 0, 1}}, random).keys();
  ASSERT_TRUE(writer->Write(part));
  server.server().Shutdown();
  EXPECT_FALSE(writer->Finish().ok());
}

}  // namespace
}  // namespace kvsift
