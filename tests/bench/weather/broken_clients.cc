// Clients that go away, and clients that send what means nothing.
#include <string>
#include <thread>

#include "tests/bench/weather/disturbance.h"
#include "tests/bench/weather/raw_connection.h"
#include "tests/bench/weather/scene.h"

namespace kvsift::weather {
namespace {

constexpr std::chrono::milliseconds kPause{2};

void VanishMidMessage(RawConnection& connection, const std::string& step) {
  const uint32_t stream = connection.Call("StreamSteps");
  connection.Message(stream, step);
  connection.Begin(stream, step.substr(0, step.size() / 2), step.size());
}

void VanishMidAnswer(RawConnection& connection, const std::string& step) {
  const uint32_t stream = connection.Call("StreamSteps");
  for (int i = 0; i < 8; ++i) connection.Message(stream, step);
  std::this_thread::sleep_for(5 * kPause);
}

void VanishMidAppend(RawConnection& connection, int64_t message_bytes) {
  const uint32_t stream = connection.Call("AppendKeys");
  connection.Begin(stream, "", static_cast<size_t>(message_bytes));
  connection.SendZeros(stream, size_t{1} << 20);
}

void CancelCalls(RawConnection& connection, const std::string& select) {
  for (int i = 0; i < 16; ++i) {
    const uint32_t stream = connection.Call("Select");
    connection.Message(stream, select);
    connection.Cancel(stream);
  }
}

// Frames whose messages are no steps: noise, halves of steps, sizes that are too large.
void SendBadMessages(RawConnection& connection, const std::string& step, uint64_t seed) {
  const uint32_t stream = connection.Call("StreamSteps");
  for (int i = 0; i < 8; ++i) {
    connection.Message(stream, RandomBytes(64 << i % 4, seed + i));
    std::string spoilt = step;
    spoilt[(seed * 31 + i * 7) % spoilt.size()] ^= '\x55';
    connection.Message(stream, spoilt);
    connection.Message(stream, step.substr(0, (seed * 17 + i * 101) % step.size()));
  }
  if (seed % 2 == 0) connection.Begin(stream, step, 0xffffffff);
  connection.HalfClose(stream);
}

void SendNoise(const std::string& address, uint64_t seed) {
  RawConnection no_hello(address, false);
  no_hello.Send(RandomBytes(4096, seed));
  RawConnection bad_frames(address);
  bad_frames.Send(RandomBytes(4096, seed + 1));
  std::this_thread::sleep_for(kPause);
}

}  // namespace

void RunVanish(const Target& target, Counts& counts) {
  const v1::StepRequest step = MakeSelection(3, kDisturbedPositions, 1);
  const std::string message = MakeStreamStep(1, step).SerializeAsString();
  const std::string select = MakeSelect(step).SerializeAsString();
  for (int i = 0; !target.IsOver(); ++i) {
    RawConnection connection(target.address);
    if (i % 4 == 0) VanishMidMessage(connection, message);
    if (i % 4 == 1) VanishMidAnswer(connection, message);
    if (i % 4 == 2) VanishMidAppend(connection, target.max_message_bytes);
    if (i % 4 == 3) CancelCalls(connection, select);
    counts.Add("connections");
    std::this_thread::sleep_for(kPause);
  }
}

void RunGarbage(const Target& target, Counts& counts) {
  const std::string step = MakeStreamStep(1, MakeSelection(1, 256, 1)).SerializeAsString();
  for (uint64_t seed = 0; !target.IsOver(); ++seed) {
    SendNoise(target.address, seed);
    RawConnection connection(target.address);
    SendBadMessages(connection, step, seed);
    counts.Add("connections", 3);
    counts.Add("messages", 24);
    std::this_thread::sleep_for(kPause);
  }
}

}  // namespace kvsift::weather
