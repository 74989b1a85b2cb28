// When the calls of an open loop are to be sent.
#ifndef KVSIFT_CLIENT_LOAD_ARRIVAL_SCHEDULE_H_
#define KVSIFT_CLIENT_LOAD_ARRIVAL_SCHEDULE_H_

#include <cstdint>

#include "client/load/random.h"

namespace kvsift::load {

enum class Arrival : uint8_t {
  kPoisson,   // independent callers: exponential gaps
  kConstant,  // equal gaps
};

// The times, in nanoseconds since the start, of an unending series of arrivals. During the ramp
// the rate grows linearly from 0.
class ArrivalSchedule {
 public:
  // REQUIRES: rate_per_s > 0, ramp_ns >= 0.
  ArrivalSchedule(double rate_per_s, Arrival arrival, int64_t ramp_ns, uint64_t seed);

  // The next arrival, not before the last one.
  int64_t Next();

 private:
  double per_ns_;
  Arrival arrival_;
  double ramp_ns_;
  Random random_;
  double expected_ = 0;  // arrivals that the rate promises up to the last one
};

}  // namespace kvsift::load

#endif  // KVSIFT_CLIENT_LOAD_ARRIVAL_SCHEDULE_H_
