// Latencies of any number of calls in fixed memory.
#ifndef KVSIFT_CLIENT_LOAD_LATENCY_HISTOGRAM_H_
#define KVSIFT_CLIENT_LOAD_LATENCY_HISTOGRAM_H_

#include <cstdint>
#include <limits>
#include <vector>

namespace kvsift::load {

// Counts latencies, in nanoseconds, in buckets that are 1/128 of their value wide or 1 ns: a
// quantile is within 0.4 % of the recorded value that it stands for, from 0 ns to 1000 s. Count,
// Sum, Min and Max are exact at any value. 34 KiB, whatever is recorded.
//
// Thread-compatible: one per thread and Merge, or a lock.
class LatencyHistogram {
 public:
  LatencyHistogram();

  // A latency below 0, which no clock that is steady gives, counts as 0. Constant time.
  void Record(int64_t nanoseconds);

  // Adds all that `other` recorded.
  void Merge(const LatencyHistogram& other);

  // Forgets everything and keeps the memory.
  void Clear();

  uint64_t Count() const { return count_; }
  double Sum() const { return sum_; }

  // All 0 while nothing is recorded.
  double Mean() const;
  int64_t Min() const { return count_ > 0 ? min_ : 0; }
  int64_t Max() const { return max_; }

  // The smallest recorded latency that at least `share` of the latencies do not exceed (nearest
  // rank, no interpolation): Min() at 0 and Max() at 1 exactly, between them within 0.4 %.
  // REQUIRES: 0 <= share <= 1.
  int64_t Quantile(double share) const;

 private:
  std::vector<uint64_t> buckets_;
  uint64_t count_ = 0;
  double sum_ = 0;
  int64_t min_ = std::numeric_limits<int64_t>::max();
  int64_t max_ = 0;
};

}  // namespace kvsift::load

#endif  // KVSIFT_CLIENT_LOAD_LATENCY_HISTOGRAM_H_
