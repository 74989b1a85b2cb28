// Whether two runs differ by more than each of them varies in itself.
#ifndef KVSIFT_CLIENT_LOAD_NOISE_H_
#define KVSIFT_CLIENT_LOAD_NOISE_H_

#include <span>

namespace kvsift::load {

enum class Shift {
  kUnknown,  // fewer than 8 samples of one run
  kNone,     // within noise
  kLower,    // b is lower, beyond noise
  kHigher,
};

// Compares one figure of the intervals of run `a`, in order of time, with that of run `b`.
Shift ShiftBetween(std::span<const double> a, std::span<const double> b);

}  // namespace kvsift::load

#endif  // KVSIFT_CLIENT_LOAD_NOISE_H_
