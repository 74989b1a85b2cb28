// What exact attention would have done: the measure of every selection.
//
// Truth is float64 q.k of the recorded vectors. The true k best take the larger product first and
// the more recent position among equals; attention is softmax(q.k / sqrt(head_dim)) over the
// visible positions.
#ifndef KVSIFT_CLIENT_EVALUATE_TRUTH_H_
#define KVSIFT_CLIENT_EVALUATE_TRUTH_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "client/trace/trace.h"

namespace kvsift::evaluate {

// Share of the true k best that a list holds, and share of attention that its positions get.
struct Quality {
  double recall = 0;
  double mass = 0;
};

// Exact attention of one query over the positions it sees.
class TrueAttention {
 public:
  // `products` are q.k of the visible positions; not empty.
  TrueAttention(std::vector<double> products, int head_dim);

  // The true k best positions, ascending; all if there are no more than k.
  std::vector<int32_t> Best(int64_t k) const;

  // Quality of a list of distinct visible positions against `best`, ascending and not empty.
  Quality Measure(std::span<const int32_t> list, std::span<const int32_t> best) const;

 private:
  std::vector<double> products_;
  std::vector<double> weights_;  // of attention; they add up to 1
};

// Keys of one kv head of a trace as float64, laid out for products with many queries.
class TrueKeys {
 public:
  TrueKeys(const trace::TraceVectors& keys, int64_t kv_head);

  // q.k of positions [0, visible), q one raw vector of type `type`.
  std::vector<double> Products(std::span<const std::byte> query, ElementType type,
                               int64_t visible) const;

 private:
  int64_t positions_;
  int64_t head_dim_;
  std::vector<double> by_dimension_;  // [head_dim, positions]
};

}  // namespace kvsift::evaluate

#endif  // KVSIFT_CLIENT_EVALUATE_TRUTH_H_
