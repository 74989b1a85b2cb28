// The workers of decode and select-only: asynchronous, without a thread of their own.
#ifndef KVSIFT_CLIENT_LOAD_STEP_WORKER_H_
#define KVSIFT_CLIENT_LOAD_STEP_WORKER_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "client/load/lane.h"
#include "client/load/pacing.h"
#include "client/load/run_context.h"

namespace kvsift::load {

enum class StepKind : uint8_t {
  kDecode,  // a step: this token's key and query of every sequence, layer by layer
  kSelect,  // a selection by some query over what is there, layer by layer
};

// A failed call is counted, waits and is sent again; its latency runs on. A server that lost the
// sequences gets them again first.
class StepWorker final : public Worker {
 public:
  StepWorker(RunContext& context, StepKind kind, int index)
      : context_(context), kind_(kind), lane_(context, index) {}

  // Appends the contexts.
  absl::Status Prepare() override;

  void Start(Pacing& pacing, int64_t intended) override;

  // Sizes of the call that Start would send next.
  absl::StatusOr<MessageSizes> Sizes();

 private:
  Operation operation() const {
    return kind_ == StepKind::kDecode ? Operation::kStep : Operation::kSelect;
  }
  // Positions of the current layer that the call's queries see.
  int64_t visible() const { return kind_ == StepKind::kDecode ? position_ + 1 : position_; }
  int64_t QueryOf(const Lane::Member& member) const;  // a position of the pool

  void CollectVectors();
  client::QueryBatch Queries() const;
  client::StepRequest MakeStep() const;
  client::SelectRequest MakeSelect() const;
  void Send();
  void OnAnswer(const absl::StatusOr<client::SelectionResult>& answer);
  bool Check(const client::SelectionResult& answer);
  void Advance();
  void RollBack();
  void Fail(Operation operation, const absl::Status& status);
  void RebuildAndSend();
  // Makes the next call's vectors, which its latency does not count, and waits for its time.
  void Finish();

  RunContext& context_;
  const StepKind kind_;
  Lane lane_;
  int layer_ = 0;         // index into the store's layers
  int64_t position_ = 0;  // positions of the layer before the call
  uint64_t calls_ = 0;
  int failures_ = 0;  // in a row
  Pacing* pacing_ = nullptr;
  int64_t intended_ = 0;
  std::vector<std::byte> keys_;  // of the call under way or to come
  std::vector<std::byte> queries_;
  std::vector<float> scales_;
};

}  // namespace kvsift::load

#endif  // KVSIFT_CLIENT_LOAD_STEP_WORKER_H_
