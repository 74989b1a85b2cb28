// What an engine tells of its work, for metrics.
#ifndef KVSIFT_SERVER_ENGINE_OBSERVER_H_
#define KVSIFT_SERVER_ENGINE_OBSERVER_H_

#include <chrono>
#include <cstdint>

namespace kvsift {

// One batch of a device, when it is complete.
struct BatchReport {
  int shard = 0;             // index of the device
  int64_t works = 0;         // entries of steps, and other mutations, that had a part in it
  int64_t selections = 0;    // entries that selected
  int64_t rows = 0;          // of their answers
  int64_t keys_scanned = 0;  // sum over query tokens of visible positions, times kv heads
  int64_t keys_written = 0;  // positions times layers, times kv heads
  int64_t key_bytes = 0;     // as they came over the wire
  std::chrono::nanoseconds device_time{};  // from the submission to the end
  bool ok = true;
};

// Thread-safe. Called without locks, often: must be quick and must not call the engine.
class EngineObserver {
 public:
  virtual ~EngineObserver() = default;

  // A request's first part goes to the device, or it was answered without it, this long after it
  // was admitted.
  virtual void OnStarted(std::chrono::nanoseconds waited) = 0;

  virtual void OnBatch(const BatchReport& report) = 0;
};

}  // namespace kvsift

#endif  // KVSIFT_SERVER_ENGINE_OBSERVER_H_
