// A worker whose calls wait for their answers, on a thread that is lent to it.
#ifndef KVSIFT_CLIENT_LOAD_BLOCKING_WORKER_H_
#define KVSIFT_CLIENT_LOAD_BLOCKING_WORKER_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/load/content.h"
#include "client/load/pacing.h"
#include "client/load/run_context.h"

namespace kvsift::load {

// One turn makes one call of the scenario's main operation and what belongs to it. A turn that
// fails is counted, waits and is made again.
class BlockingWorker : public Worker {
 public:
  explicit BlockingWorker(RunContext& context) : context_(context) {}

  void Start(Pacing& pacing, int64_t intended) final;

 protected:
  // Makes the calls; the main one's latency counts from `intended`. What fails it has counted.
  virtual absl::Status Turn(int64_t intended) = 0;

  // Counts `status` as the outcome of a call that was to be sent at `intended`, and returns it.
  absl::Status Count(Operation operation, int64_t intended, absl::Status status, const Work& work);

  // Selects with one query token of a sequence, checks the answer and, if it is in the share, has
  // it recomputed. `call` decides the query.
  absl::Status SelectOnce(uint64_t id, const Content& content, int layer, int64_t length,
                          uint64_t call, int64_t intended);

  RunContext& context_;

 private:
  void Run();

  // Makes the store again if the server has lost it.
  void RestoreStore();

  Pacing* pacing_ = nullptr;
  int64_t intended_ = 0;
  int failures_ = 0;
};

}  // namespace kvsift::load

#endif  // KVSIFT_CLIENT_LOAD_BLOCKING_WORKER_H_
