#include "client/load/latency_histogram.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cmath>
#include <cstddef>

namespace kvsift::load {
namespace {

// Each power of two is cut into 2^kLinearBits buckets of one width.
constexpr int kLinearBits = 7;
constexpr int64_t kLongest = 1'000'000'000'000;  // 1000 s; what is longer shares the last bucket

// Values below 2^(kLinearBits + 1) have a bucket each; of others, so many leading bits choose it.
constexpr size_t BucketOf(int64_t nanoseconds) {
  const auto value = static_cast<uint64_t>(std::min(nanoseconds, kLongest));
  const int shift = std::max(0, static_cast<int>(std::bit_width(value)) - kLinearBits - 1);
  return (static_cast<size_t>(shift) << kLinearBits) + (value >> shift);
}

constexpr size_t kBucketCount = BucketOf(kLongest) + 1;

// The middle of a bucket: half its width away from the farthest value in it.
int64_t MiddleOf(size_t bucket) {
  const auto index = static_cast<int64_t>(bucket);
  const int64_t shift = std::max<int64_t>(0, (index >> kLinearBits) - 1);
  const int64_t width = int64_t{1} << shift;
  return (index - (shift << kLinearBits)) * width + width / 2;
}

// The rank, from 1, of the latency that a share names. share * count may come out a few units in
// the last place too large (0.07 * 100), which must not become the next rank.
uint64_t RankOf(double share, uint64_t count) {
  const double exact = share * static_cast<double>(count);
  const double rank = std::ceil(exact * (1 - 4 * std::numeric_limits<double>::epsilon()));
  return std::clamp<uint64_t>(static_cast<uint64_t>(rank), 1, count);
}

}  // namespace

LatencyHistogram::LatencyHistogram() : buckets_(kBucketCount) {}

void LatencyHistogram::Record(int64_t nanoseconds) {
  const int64_t value = std::max<int64_t>(nanoseconds, 0);
  ++buckets_[BucketOf(value)];
  ++count_;
  sum_ += static_cast<double>(value);
  min_ = std::min(min_, value);
  max_ = std::max(max_, value);
}

void LatencyHistogram::Merge(const LatencyHistogram& other) {
  for (size_t i = 0; i < buckets_.size(); ++i) buckets_[i] += other.buckets_[i];
  count_ += other.count_;
  sum_ += other.sum_;
  min_ = std::min(min_, other.min_);
  max_ = std::max(max_, other.max_);
}

void LatencyHistogram::Clear() {
  std::fill(buckets_.begin(), buckets_.end(), 0);
  count_ = 0;
  sum_ = 0;
  min_ = std::numeric_limits<int64_t>::max();
  max_ = 0;
}

double LatencyHistogram::Mean() const {
  return count_ > 0 ? sum_ / static_cast<double>(count_) : 0;
}

int64_t LatencyHistogram::Quantile(double share) const {
  assert(share >= 0 && share <= 1);
  if (count_ == 0) return 0;
  const uint64_t rank = RankOf(share, count_);
  if (rank == 1) return min_;
  if (rank == count_) return max_;
  uint64_t seen = 0;
  size_t bucket = 0;
  while (seen + buckets_[bucket] < rank) seen += buckets_[bucket++];
  return std::clamp(MiddleOf(bucket), min_, max_);
}

}  // namespace kvsift::load
