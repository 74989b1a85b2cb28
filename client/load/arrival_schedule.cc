#include "client/load/arrival_schedule.h"

#include <cmath>

namespace kvsift::load {

ArrivalSchedule::ArrivalSchedule(double rate_per_s, Arrival arrival, int64_t ramp_ns, uint64_t seed)
    : per_ns_(rate_per_s * 1e-9),
      arrival_(arrival),
      ramp_ns_(static_cast<double>(ramp_ns)),
      random_(seed) {}

int64_t ArrivalSchedule::Next() {
  expected_ += arrival_ == Arrival::kConstant ? 1.0 : -std::log(1.0 - random_.Unit());
  // The rate's integral reaches `expected_`: rate * t^2 / (2 * ramp) inside the ramp,
  // rate * (t - ramp / 2) behind it.
  const double in_ramp = per_ns_ * ramp_ns_ / 2;
  const double time = expected_ < in_ramp ? std::sqrt(2 * ramp_ns_ * expected_ / per_ns_)
                                          : expected_ / per_ns_ + ramp_ns_ / 2;
  return std::llround(time);
}

}  // namespace kvsift::load
