// Calls an engine the way tests want to: values in, values out, blocking.
#ifndef KVSIFT_TESTS_ENGINE_ENGINE_DRIVER_H_
#define KVSIFT_TESTS_ENGINE_ENGINE_DRIVER_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "server/engine/engine.h"
#include "server/engine/mutex.h"

namespace kvsift {

using Bytes = std::vector<std::byte>;

// One entry with its own data; a step flattens them.
struct EntrySpec {
  uint64_t id = 0;
  int64_t start = 0;
  std::vector<Bytes> keys = {};  // per layer of the step; empty for none
  Bytes queries = {};
  std::vector<float> scales = {};
  int64_t tokens = 0;
  int32_t policy = 0;
  std::vector<int64_t> visible = {};  // all entries of a step or none
  std::optional<uint64_t> epoch = {};
  absl::Status invalid = {};
};

struct StepSpec {
  std::string store = "s";
  std::vector<int32_t> layer_ids = {0};
  std::vector<EntrySpec> entries = {};
  std::vector<Policy> policies = {};
  ConflictRule on_conflict = ConflictRule::kFail;
  std::optional<ElementType> raw_keys = {};
  std::optional<ElementType> raw_queries = {};
  AnswerLayout layout = AnswerLayout::kPadded;
  bool want_scores = false;
  std::optional<uint64_t> fingerprint = {};
  uint64_t client = 0;
  Clock::time_point deadline = Clock::time_point::max();
  const std::atomic<bool>* cancelled = nullptr;
};

struct StepOutcome {
  absl::Status status;
  std::vector<EntryResult> entries;
  AnswerShape shape;
  std::vector<int32_t> positions;  // [rows, width], or [sum of counts] if packed
  std::vector<int32_t> counts;
  std::vector<int32_t> scores;
  std::vector<int32_t> offsets;

  // Positions of row `row` up to its count.
  std::vector<int32_t> Row(int64_t row) const;
};

// A step under way. Must be waited for before it is destroyed.
class PendingStep final : private AnswerSink {
 public:
  // Starts it. `positions` are bytes of one position of one layer, by which keys are counted.
  PendingStep(Engine& engine, StepSpec spec);

  bool done() const;
  StepOutcome Wait();

 private:
  AnswerBuffers Allocate(const AnswerShape& shape) override;
  void Shrink(int64_t positions) override;
  void Flatten(Engine& engine);

  const StepSpec spec_;
  std::vector<StepEntry> entries_;
  Bytes keys_;
  Bytes queries_;
  std::vector<float> scales_;
  std::vector<int64_t> visible_;
  StepOutcome outcome_;
  mutable Mutex mutex_;
  CondVar finished_;
  bool done_ ABSL_GUARDED_BY(mutex_) = false;
};

StepOutcome RunStep(Engine& engine, StepSpec spec);
MutationResult Truncate(Engine& engine, uint64_t id, int64_t length,
                        std::optional<uint64_t> epoch = {});
MutationResult Fork(Engine& engine, uint64_t parent, uint64_t child, int64_t length,
                    std::optional<uint64_t> epoch = {});
MutationResult Release(Engine& engine, uint64_t id, std::optional<uint64_t> epoch = {});

}  // namespace kvsift

#endif  // KVSIFT_TESTS_ENGINE_ENGINE_DRIVER_H_
