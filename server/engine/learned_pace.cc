#include "server/engine/learned_pace.h"

#include <algorithm>
#include <chrono>

namespace kvsift {
namespace {

// Smaller batches take what a batch takes, not what their size says.
constexpr double kLeastPlannedUs = 100;

// A stall is not a pace.
constexpr double kMostSlowness = 16;

// Weight of one batch.
constexpr double kWeight = 0.1;

int64_t Slowed(int64_t per_us, double slowness) {
  return std::max<int64_t>(1, static_cast<int64_t>(static_cast<double>(per_us) / slowness));
}

}  // namespace

Pace LearnedPace::pace() const {
  return {.key_bytes_per_us = Slowed(stated_.key_bytes_per_us, slowness_),
          .scores_per_us = Slowed(stated_.scores_per_us, slowness_)};
}

void LearnedPace::Learn(double planned_us, Clock::time_point submitted, Clock::time_point done) {
  // Nor did a larger one wait for them: a processor does them beside it.
  if (planned_us < kLeastPlannedUs) return;
  // The device began with it when it was done with the one before.
  const std::chrono::duration<double, std::micro> took = done - std::max(submitted, last_done_);
  last_done_ = done;
  const double slowness = slowness_ * took.count() / planned_us;
  slowness_ += kWeight * (std::clamp(slowness, 1.0, kMostSlowness) - slowness_);
}

}  // namespace kvsift
