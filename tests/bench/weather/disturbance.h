// The kinds of bad weather. Each runs in a process of its own.
#ifndef KVSIFT_TESTS_BENCH_WEATHER_DISTURBANCE_H_
#define KVSIFT_TESTS_BENCH_WEATHER_DISTURBANCE_H_

#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <span>
#include <string>

namespace kvsift::weather {

using Clock = std::chrono::steady_clock;

// What a disturber did, by what it is called: "connections", "steps", "UNAVAILABLE". Thread-safe.
class Counts {
 public:
  void Add(const std::string& name, int64_t count = 1) {
    const std::lock_guard lock(mutex_);
    counts_[name] += count;
  }
  // An answer with a google.rpc.Code.
  void AddCode(int code);
  const std::map<std::string, int64_t>& all() const { return counts_; }

 private:
  std::mutex mutex_;
  std::map<std::string, int64_t> counts_;
};

struct Target {
  std::string address;  // host:port
  int64_t max_message_bytes = 0;
  Clock::time_point until;

  bool IsOver() const { return Clock::now() >= until; }
};

struct Disturbance {
  const char* name;
  const char* description;
  void (*run)(const Target& target, Counts& counts);
};

std::span<const Disturbance> Disturbances();

// Messages that RunStall has begun, each in a connection of its own: nothing bounds what a server
// holds of such but their number.
inline constexpr int kStalls = 8;

// Keeps the processors busy and calls nobody: what the machine alone costs.
void RunSpin(const Target& target, Counts& counts);
// Opens connections and calls with large answers that it never reads, until the end.
void RunUnread(const Target& target, Counts& counts);
// Goes away in the middle of messages and of answers, over and over.
void RunVanish(const Target& target, Counts& counts);
// Hundreds of expensive steps under way, and the largest raw appends, as fast as it goes.
void RunFlood(const Target& target, Counts& counts);
// Steps and calls whose time is over when they arrive.
void RunLate(const Target& target, Counts& counts);
// Bytes that are no HTTP/2, no message, or half of one.
void RunGarbage(const Target& target, Counts& counts);
// Begins messages of the largest size and keeps back their last byte, until the end.
void RunStall(const Target& target, Counts& counts);

}  // namespace kvsift::weather

#endif  // KVSIFT_TESTS_BENCH_WEATHER_DISTURBANCE_H_
