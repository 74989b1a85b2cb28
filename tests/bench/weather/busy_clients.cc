// Clients that ask for more than the server can do, or for what nobody waits for.
#include <algorithm>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/bench/weather/disturbance.h"
#include "tests/bench/weather/raw_connection.h"
#include "tests/bench/weather/scene.h"

namespace kvsift::weather {
namespace {

constexpr int kFloodStreams = 6;  // each with as many steps under way as the server reads
constexpr int kAppendThreads = 2;
constexpr std::chrono::milliseconds kGrace{100};  // for calls that are under way at the end
// Faster would be another flood.
constexpr std::chrono::microseconds kLatePause{200};
constexpr int kLateCalls = 4;  // of a connection, which lasts for ten of those

// A call that still waits behind all others at the end is given up then.
void EndWith(const Target& target, grpc::ClientContext& context) {
  const Clock::duration left = target.until - Clock::now() + kGrace;
  context.set_deadline(std::chrono::system_clock::now() + left);
}

// Sends `request` over a held stream, as fast as the server reads without a `pause`, and reads all
// answers.
void StreamSteps(const Target& target, const v1::StreamStepsRequest& request,
                 std::chrono::microseconds pause, Counts& counts) {
  const auto stub = Connect(target.address);
  grpc::ClientContext context;
  EndWith(target, context);
  const auto stream = stub->StreamSteps(&context);
  std::thread reader([&] {
    v1::StreamStepsResponse answer;
    while (stream->Read(&answer)) counts.AddCode(answer.code());
  });
  while (!target.IsOver() && stream->Write(request)) {
    counts.Add("steps");
    if (pause.count() > 0) std::this_thread::sleep_for(pause);
  }
  context.TryCancel();
  reader.join();
  (void)stream->Finish();
}

void Release(Stub& stub, uint64_t sequence) {
  v1::ReleaseSequenceRequest release;
  release.set_store(kDisturbedStore);
  release.set_sequence_id(sequence);
  v1::ReleaseSequenceResponse released;
  grpc::ClientContext context;
  (void)stub.ReleaseSequence(&context, release, &released);
}

void AppendAtFullSpeed(const Target& target, uint64_t sequence, Counts& counts) {
  constexpr int64_t kHeadBytes = 4096;  // room for what stands around the keys
  const auto stub = Connect(target.address);
  const v1::AppendKeysRequest append =
      MakeRawAppend(sequence, (target.max_message_bytes - kHeadBytes) / kRawKeyBytes);
  while (!target.IsOver()) {
    grpc::ClientContext context;
    EndWith(target, context);
    v1::AppendKeysResponse response;
    counts.Add("appends");
    counts.AddCode(stub->AppendKeys(&context, append, &response).error_code());
    Release(*stub, sequence);
  }
}

// A call that nobody waits for. gRPC rounds its nanosecond up to a millisecond, within which an
// idle server begins, and so does, what is asked.
void CallTooLate(RawConnection& connection, const std::string& select) {
  const uint32_t stream = connection.Call("Select", "1n");
  connection.Message(stream, select);
  connection.HalfClose(stream);
}

}  // namespace

void RunSpin(const Target& target, Counts& counts) {
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < std::max(1u, std::thread::hardware_concurrency()); ++i) {
    threads.emplace_back([&] {
      while (!target.IsOver()) {
      }
    });
  }
  counts.Add("threads", std::ssize(threads));
  for (std::thread& thread : threads) thread.join();
}

void RunFlood(const Target& target, Counts& counts) {
  std::vector<std::thread> threads;
  const v1::StreamStepsRequest request = MakeStreamStep(1, MakeSelection(4, 256, 1));
  for (int i = 0; i < kFloodStreams; ++i) {
    threads.emplace_back([&] { StreamSteps(target, request, {}, counts); });
  }
  for (int i = 0; i < kAppendThreads; ++i) {
    threads.emplace_back([&, i] { AppendAtFullSpeed(target, 100 + i, counts); });
  }
  for (std::thread& thread : threads) thread.join();
}

void RunLate(const Target& target, Counts& counts) {
  v1::StreamStepsRequest request = MakeStreamStep(1, MakeSelection(1, 256, 1));
  request.set_timeout_us(1);
  std::thread stream([&] { StreamSteps(target, request, kLatePause, counts); });
  const std::string select = MakeSelect(request.step()).SerializeAsString();
  while (!target.IsOver()) {
    RawConnection connection(target.address);
    for (int i = 0; i < kLateCalls; ++i) CallTooLate(connection, select);
    counts.Add("calls", kLateCalls);
    std::this_thread::sleep_for(10 * kLatePause);
  }
  stream.join();
}

}  // namespace kvsift::weather
