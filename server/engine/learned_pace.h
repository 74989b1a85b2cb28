// How fast a device really is, learned from its batches.
//
// A backend says how fast it is when nothing else runs (BackendInfo::pace). On a processor that
// others use too, with more threads than memory feeds, or for work that costs more than its size
// says, batches that were planned by that take several times as long, and everybody behind them
// waits.
#ifndef KVSIFT_SERVER_ENGINE_LEARNED_PACE_H_
#define KVSIFT_SERVER_ENGINE_LEARNED_PACE_H_

#include "kernels/backend.h"
#include "server/engine/engine.h"

namespace kvsift {

// Thread-compatible.
class LearnedPace {
 public:
  // GPUs are taken at their word: beside another process they wait for their turn, which is no
  // matter of size.
  explicit LearnedPace(const BackendInfo& info)
      : stated_(info.pace), learns_(info.sharing == DeviceSharing::kNotShared) {}

  bool learns() const { return learns_; }

  // As planned with from now on.
  Pace pace() const;

  // A batch that was to take `planned_us` by pace() was submitted and is done. To be called when it
  // is. REQUIRES: learns().
  void Learn(double planned_us, Clock::time_point submitted, Clock::time_point done);

 private:
  const Pace stated_;
  const bool learns_;
  double slowness_ = 1;  // times as long as stated
  Clock::time_point last_done_;
};

}  // namespace kvsift

#endif  // KVSIFT_SERVER_ENGINE_LEARNED_PACE_H_
