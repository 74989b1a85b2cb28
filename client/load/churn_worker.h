// Sequences that come, grow, fork, shrink and go.
#ifndef KVSIFT_CLIENT_LOAD_CHURN_WORKER_H_
#define KVSIFT_CLIENT_LOAD_CHURN_WORKER_H_

#include <cstdint>
#include <vector>

#include "client/load/blocking_worker.h"
#include "client/load/lane.h"
#include "client/load/random.h"

namespace kvsift::load {

// Each turn is one call that the seed decides. A sequence that a call failed for is released and
// forgotten, because what the server holds of it is unknown.
class ChurnWorker final : public BlockingWorker {
 public:
  ChurnWorker(RunContext& context, int index);

  absl::Status Prepare() override { return absl::OkStatus(); }

 protected:
  absl::Status Turn(int64_t intended) override;

 private:
  struct Sequence {
    uint64_t id = 0;
    int64_t length = 0;
    Content content;
  };

  absl::Status Create(int64_t intended);
  absl::Status Grow(Sequence& sequence, int64_t intended);
  absl::Status Fork(const Sequence& parent, int64_t intended);
  absl::Status Truncate(Sequence& sequence, int64_t intended);
  absl::Status Release(size_t index, int64_t intended);
  absl::Status Append(Sequence& sequence, int64_t count, int64_t intended);
  void Forget(size_t index);

  const int index_;
  Random random_;
  uint64_t next_id_ = 0;
  uint64_t calls_ = 0;
  std::vector<Sequence> sequences_;
};

}  // namespace kvsift::load

#endif  // KVSIFT_CLIENT_LOAD_CHURN_WORKER_H_
