#include "tests/engine/engine_driver.h"

#include <functional>
#include <utility>

namespace kvsift {
namespace {

// Fills answers with what no backend writes.
constexpr int32_t kUnwritten = -777;

// Bytes of one position's keys of one layer as `spec` has them.
int64_t PositionBytes(const StepSpec& spec, const StoreShape& shape) {
  if (!spec.raw_keys.has_value()) return shape.key_bytes_per_position();
  return int64_t{shape.kv_heads} * shape.head_dim * ElementBytes(*spec.raw_keys);
}

class PendingMutation {
 public:
  std::function<void(MutationResult)> Done() {
    return [this](MutationResult result) {
      MutexLock lock(mutex_);
      result_ = std::move(result);
      done_ = true;
      finished_.SignalAll();
    };
  }

  MutationResult Wait() {
    MutexLock lock(mutex_);
    while (!done_) finished_.Wait(mutex_);
    return result_;
  }

 private:
  Mutex mutex_;
  CondVar finished_;
  bool done_ ABSL_GUARDED_BY(mutex_) = false;
  MutationResult result_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

std::vector<int32_t> StepOutcome::Row(int64_t row) const {
  const int64_t first = shape.layout == AnswerLayout::kPacked ? offsets[row] : row * shape.width;
  return {positions.begin() + first, positions.begin() + first + counts[row]};
}

PendingStep::PendingStep(Engine& engine, StepSpec spec) : spec_(std::move(spec)) {
  Flatten(engine);
  StepRequest request;
  request.store = spec_.store;
  request.fingerprint = spec_.fingerprint;
  request.layer_ids = spec_.layer_ids;
  request.on_conflict = spec_.on_conflict;
  request.entries = entries_;
  request.policies = spec_.policies;
  request.keys = {.bytes = keys_, .raw = spec_.raw_keys};
  request.queries = {.bytes = queries_, .raw = spec_.raw_queries};
  request.query_scales = scales_;
  request.visible_lengths = visible_;
  request.layout = spec_.layout;
  request.want_scores = spec_.want_scores;
  request.client = spec_.client;
  request.deadline = spec_.deadline;
  request.cancelled = spec_.cancelled;
  engine.Step(request, this, [this](StepResult result) {
    MutexLock lock(mutex_);
    outcome_.status = std::move(result.status);
    outcome_.entries = std::move(result.entries);
    done_ = true;
    finished_.SignalAll();
  });
}

void PendingStep::Flatten(Engine& engine) {
  const auto store = engine.GetStore(spec_.store);
  const int64_t position_bytes =
      store.ok() ? PositionBytes(spec_, store->config.shape) : int64_t{1};
  for (const EntrySpec& entry : spec_.entries) {
    StepEntry flat;
    flat.sequence_id = entry.id;
    flat.expected_epoch = entry.epoch;
    flat.start = entry.start;
    flat.key_count = entry.keys.empty() ? 0 : std::ssize(entry.keys[0]) / position_bytes;
    flat.query_tokens = entry.tokens;
    flat.policy = entry.policy;
    flat.invalid = entry.invalid;
    entries_.push_back(flat);
    queries_.insert(queries_.end(), entry.queries.begin(), entry.queries.end());
    scales_.insert(scales_.end(), entry.scales.begin(), entry.scales.end());
    visible_.insert(visible_.end(), entry.visible.begin(), entry.visible.end());
  }
  for (size_t layer = 0; layer < spec_.layer_ids.size(); ++layer) {
    for (const EntrySpec& entry : spec_.entries) {
      if (entry.keys.empty()) continue;
      keys_.insert(keys_.end(), entry.keys[layer].begin(), entry.keys[layer].end());
    }
  }
}

bool PendingStep::done() const {
  MutexLock lock(mutex_);
  return done_;
}

StepOutcome PendingStep::Wait() {
  MutexLock lock(mutex_);
  while (!done_) finished_.Wait(mutex_);
  return outcome_;
}

AnswerBuffers PendingStep::Allocate(const AnswerShape& shape) {
  outcome_.shape = shape;
  outcome_.positions.assign(shape.rows * shape.width, kUnwritten);
  outcome_.counts.assign(shape.rows, kUnwritten);
  if (shape.has_scores) outcome_.scores.assign(shape.rows * shape.width, kUnwritten);
  if (shape.layout == AnswerLayout::kPacked) outcome_.offsets.assign(shape.rows + 1, kUnwritten);
  return {.positions = outcome_.positions.data(),
          .counts = outcome_.counts.data(),
          .scores = shape.has_scores ? outcome_.scores.data() : nullptr,
          .offsets = outcome_.offsets.empty() ? nullptr : outcome_.offsets.data()};
}

void PendingStep::Shrink(int64_t positions) {
  outcome_.positions.resize(positions);
  if (outcome_.shape.has_scores) outcome_.scores.resize(positions);
}

StepOutcome RunStep(Engine& engine, StepSpec spec) {
  return PendingStep(engine, std::move(spec)).Wait();
}

MutationResult Truncate(Engine& engine, uint64_t id, int64_t length,
                        std::optional<uint64_t> epoch) {
  PendingMutation pending;
  engine.Truncate("s", id, epoch, length, pending.Done());
  return pending.Wait();
}

MutationResult Fork(Engine& engine, uint64_t parent, uint64_t child, int64_t length,
                    std::optional<uint64_t> epoch) {
  PendingMutation pending;
  engine.Fork("s", parent, child, epoch, length, pending.Done());
  return pending.Wait();
}

MutationResult Release(Engine& engine, uint64_t id, std::optional<uint64_t> epoch) {
  PendingMutation pending;
  engine.Release("s", id, epoch, pending.Done());
  return pending.Wait();
}

}  // namespace kvsift
