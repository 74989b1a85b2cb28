#include "tests/bench/kernel_rig.h"

#include <condition_variable>
#include <cstring>
#include <mutex>

#include "kernels/backends.h"
#include "kernels/encode/encode.h"

namespace kvsift {
namespace {

class Waiter final : public BatchObserver {
 public:
  void OnBatchDone(const Batch&, absl::Status) override {
    const std::lock_guard lock(mutex_);
    done_ = true;
    changed_.notify_one();
  }

  void Wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return done_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool done_ = false;
};

}  // namespace

std::vector<std::byte> RandomBytes(std::mt19937_64& random, int64_t count) {
  std::vector<std::byte> bytes(static_cast<size_t>((count + 7) / 8 * 8));
  for (size_t i = 0; i < bytes.size(); i += 8) {
    const uint64_t word = random();
    std::memcpy(&bytes[i], &word, sizeof word);
  }
  bytes.resize(static_cast<size_t>(count));
  return bytes;
}

KernelRig::KernelRig(const StoreShape& shape, int64_t sequences, int64_t positions,
                     Executor& executor)
    : shape_(shape), positions_(positions) {
  const PageLayout layout = MakePageLayout(shape, kPagePositions);
  const int64_t pages = layout.PagesFor(positions);
  backend_ = *CreateBackend(
      "cpu", {.memory_bytes = sequences * pages * layout.page_bytes, .executor = &executor});
  store_ = *backend_->CreateStore(
      MakeStoreFormat(shape,
                      std::vector<float>(static_cast<size_t>(shape.layers * shape.kv_heads), 1.0f)),
      layout);
  PageAddress next = 0;
  const auto codes = RandomBytes(random_, positions * shape.key_bytes_per_position());
  for (int64_t s = 0; s < sequences; ++s) {
    std::vector<PageAddress> addresses;
    for (int64_t p = 0; p < pages; ++p, next += static_cast<PageAddress>(layout.page_bytes)) {
      addresses.push_back(next);
    }
    tables_.push_back(backend_->CreatePageTable(*store_));
    visible_.push_back(positions);
    Batch batch;
    batch.table_edits.push_back({.table = tables_.back().get(), .first = 0, .pages = addresses});
    batch.writes.push_back({.store = store_.get(),
                            .table = tables_.back().get(),
                            .layer = 0,
                            .start = 0,
                            .count = positions,
                            .keys = {.bytes = codes, .raw = {}}});
    Run(batch);
  }
}

Batch KernelRig::SelectionBatch(const Policy& policy) {
  const auto heads = static_cast<size_t>(shape_.query_heads);
  const int planes = QueryPlanes(policy.estimator, shape_.key_bits);
  const int64_t query_bytes = shape_.query_heads * CodeBytes(shape_.head_dim, planes);
  const int64_t width = RowCapacity(policy, shape_);
  const auto rows = static_cast<size_t>(RowsPerToken(policy.grouping, shape_));
  answers_.assign(tables_.size(), {});
  Batch batch;
  for (size_t s = 0; s < tables_.size(); ++s) {
    Answer& answer = answers_[s];
    answer.queries = RandomBytes(random_, query_bytes);
    answer.positions.resize(rows * static_cast<size_t>(width));
    answer.counts.resize(rows);
    if (HasQueryScales(policy.estimator)) {
      // Encoded Gaussian queries: random bits would contain -8, which no encoder makes.
      std::normal_distribution<float> gaussian;
      std::vector<float> raw(heads * static_cast<size_t>(shape_.head_dim));
      for (float& x : raw) x = gaussian(random_);
      answer.scales.resize(heads);
      EncodeQueries(shape_.head_dim, shape_.key_bits, policy.estimator, ElementType::kFloat32,
                    shape_.query_heads, std::as_bytes(std::span(raw)), answer.queries,
                    answer.scales);
    }
    batch.selections.push_back({.store = store_.get(),
                                .table = tables_[s].get(),
                                .layer = 0,
                                .policy = policy,
                                .queries = {.bytes = answer.queries, .raw = {}},
                                .query_scales = answer.scales,
                                .visible = std::span(visible_).subspan(s, 1),
                                .row_width = width,
                                .positions = answer.positions.data(),
                                .counts = answer.counts.data(),
                                .scores = nullptr});
  }
  return batch;
}

Batch KernelRig::WriteBatch(const VectorData& keys) const {
  Batch batch;
  batch.writes.push_back({.store = store_.get(),
                          .table = tables_.front().get(),
                          .layer = 0,
                          .start = 0,
                          .count = positions_,
                          .keys = keys});
  return batch;
}

void KernelRig::Run(const Batch& batch) {
  Waiter waiter;
  backend_->Submit(batch, waiter);
  waiter.Wait();
}

int64_t KernelRig::code_bytes() const {
  return static_cast<int64_t>(tables_.size()) * positions_ * shape_.key_bytes_per_position();
}

}  // namespace kvsift
