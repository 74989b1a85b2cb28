// Clients that hold what they have and say no more: unread answers, unfinished messages.
#include <thread>
#include <vector>

#include "tests/bench/weather/disturbance.h"
#include "tests/bench/weather/raw_connection.h"
#include "tests/bench/weather/scene.h"

namespace kvsift::weather {
namespace {

constexpr std::chrono::milliseconds kPause{20};
constexpr int kConnections = 100;
constexpr int kTokens = 3;          // of a step: an answer of 6 MiB
constexpr int kStepsOfStream = 24;  // together less than 64 KiB
constexpr int kCalls = 12;

// Most of those steps and calls are refused while the queue is full; what matters is the answers
// that are not.
void AskWithoutReading(RawConnection& connection, bool is_stream, Counts& counts) {
  const v1::StepRequest step = MakeSelection(kTokens, kDisturbedPositions, 1);
  if (is_stream) {
    const uint32_t stream = connection.Call("StreamSteps");
    for (int i = 0; i < kStepsOfStream; ++i) {
      connection.Message(stream, MakeStreamStep(i, step).SerializeAsString());
    }
    counts.Add("steps", kStepsOfStream);
    return;
  }
  for (int i = 0; i < kCalls; ++i) {
    const uint32_t stream = connection.Call("Select");
    connection.Message(stream, MakeSelect(step).SerializeAsString());
    connection.HalfClose(stream);
  }
  counts.Add("calls", kCalls);
}

// Opens connections one after the other, does `use` with each and keeps them until the end.
template <typename Use>
void Hold(const Target& target, Counts& counts, int connections, Use use) {
  std::vector<std::unique_ptr<RawConnection>> held;
  for (int i = 0; i < connections && !target.IsOver(); ++i) {
    held.push_back(std::make_unique<RawConnection>(target.address));
    counts.Add("connections");
    use(i, *held.back());
    std::this_thread::sleep_for(kPause);
  }
  std::this_thread::sleep_until(target.until);
}

}  // namespace

void RunUnread(const Target& target, Counts& counts) {
  Hold(target, counts, kConnections, [&](int i, RawConnection& connection) {
    AskWithoutReading(connection, i % 2 == 0, counts);
  });
}

void RunStall(const Target& target, Counts& counts) {
  const auto size = static_cast<size_t>(target.max_message_bytes);
  Hold(target, counts, kStalls, [&](int i, RawConnection& connection) {
    const uint32_t stream = connection.Call(i % 2 == 0 ? "StreamSteps" : "AppendKeys");
    connection.Begin(stream, "", size);
    const size_t sent = connection.SendZeros(stream, size - 1);
    counts.Add("KiB held back", static_cast<int64_t>(sent >> 10));
  });
}

}  // namespace kvsift::weather
