// Appends whole sequences and releases them.
#ifndef KVSIFT_CLIENT_LOAD_PREFILL_WORKER_H_
#define KVSIFT_CLIENT_LOAD_PREFILL_WORKER_H_

#include <cstdint>

#include "client/load/blocking_worker.h"
#include "client/load/lane.h"

namespace kvsift::load {

// Of the verified share of its sequences it asks one selection before their release.
class PrefillWorker final : public BlockingWorker {
 public:
  PrefillWorker(RunContext& context, int index) : BlockingWorker(context), index_(index) {}

 protected:
  absl::Status Turn(int64_t intended) override;

 private:
  const int index_;
  uint64_t turns_ = 0;
  AppendBuffer buffer_;
};

}  // namespace kvsift::load

#endif  // KVSIFT_CLIENT_LOAD_PREFILL_WORKER_H_
