#include "client/evaluate/truth.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

namespace kvsift::evaluate {
namespace {

// Products are summed over blocks of positions that stay in the first-level cache while all
// dimensions are added.
constexpr int64_t kBlockPositions = 1024;

std::vector<double> Softmax(const std::vector<double>& products, int head_dim) {
  const double scale = 1.0 / std::sqrt(static_cast<double>(head_dim));
  const double largest = *std::max_element(products.begin(), products.end());
  std::vector<double> weights(products.size());
  double sum = 0;
  for (size_t i = 0; i < products.size(); ++i) {
    weights[i] = std::exp((products[i] - largest) * scale);
    sum += weights[i];
  }
  for (double& weight : weights) weight /= sum;
  return weights;
}

}  // namespace

TrueAttention::TrueAttention(std::vector<double> products, int head_dim)
    : products_(std::move(products)), weights_(Softmax(products_, head_dim)) {}

std::vector<int32_t> TrueAttention::Best(int64_t k) const {
  std::vector<int32_t> positions(products_.size());
  std::iota(positions.begin(), positions.end(), 0);
  if (k < std::ssize(positions)) {
    std::nth_element(positions.begin(), positions.begin() + k, positions.end(),
                     [this](int32_t a, int32_t b) {
                       return products_[a] != products_[b] ? products_[a] > products_[b] : a > b;
                     });
    positions.resize(k);
    std::sort(positions.begin(), positions.end());
  }
  return positions;
}

Quality TrueAttention::Measure(std::span<const int32_t> list, std::span<const int32_t> best) const {
  Quality quality;
  for (const int32_t position : list) {
    quality.mass += weights_[position];
    if (std::binary_search(best.begin(), best.end(), position)) quality.recall += 1;
  }
  quality.recall /= static_cast<double>(best.size());
  return quality;
}

TrueKeys::TrueKeys(const trace::TraceVectors& keys, int64_t kv_head)
    : positions_(keys.vectors_per_head),
      head_dim_(keys.head_dim),
      by_dimension_(keys.head_dim * keys.vectors_per_head) {
  const std::byte* element = keys.Of(kv_head, 0, positions_).data();
  for (int64_t position = 0; position < positions_; ++position) {
    for (int64_t i = 0; i < head_dim_; ++i) {
      by_dimension_[i * positions_ + position] = LoadElement(element, keys.type);
      element += ElementBytes(keys.type);
    }
  }
}

std::vector<double> TrueKeys::Products(std::span<const std::byte> query, ElementType type,
                                       int64_t visible) const {
  std::vector<double> products(visible, 0.0);
  for (int64_t first = 0; first < visible; first += kBlockPositions) {
    const int64_t end = std::min(first + kBlockPositions, visible);
    for (int64_t i = 0; i < head_dim_; ++i) {
      const double q = LoadElement(&query[i * ElementBytes(type)], type);
      const double* keys = &by_dimension_[i * positions_];
      for (int64_t p = first; p < end; ++p) products[p] += q * keys[p];
    }
  }
  return products;
}

}  // namespace kvsift::evaluate
