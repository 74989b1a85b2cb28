#include "tests/kernels/contract/backend_harness.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "gtest/gtest.h"

namespace kvsift {
namespace {

// Values that no answer holds, behind every answer.
constexpr int32_t kGuard = -77777777;
constexpr size_t kGuardCount = 32;

// Pages that a store takes from page memory at a time.
constexpr int kRegionPages = 16;

std::vector<int32_t> GuardedInts(int64_t count) {
  return std::vector<int32_t>(static_cast<size_t>(count) + kGuardCount, kGuard);
}

// Cuts the guards off and checks that they are whole.
void RemoveGuards(std::vector<int32_t>& values) {
  if (values.empty()) return;
  const size_t count = values.size() - kGuardCount;
  for (size_t i = count; i < values.size(); ++i) {
    ASSERT_EQ(values[i], kGuard) << "wrote " << i - count << " beyond an answer of " << count;
  }
  values.resize(count);
}

VectorData View(const TestVectors& vectors) { return {.bytes = vectors.bytes, .raw = vectors.raw}; }

}  // namespace

void PendingBatch::OnBatchDone(const Batch& done, absl::Status status) {
  const std::lock_guard lock(mutex_);
  EXPECT_EQ(&done, &batch);
  EXPECT_EQ(++calls_, 1) << "the observer was told more than once";
  status_ = std::move(status);
  done_.notify_all();
}

Outcome PendingBatch::Wait() {
  std::unique_lock lock(mutex_);
  done_.wait(lock, [this] { return calls_ > 0; });
  Outcome outcome;
  outcome.status = status_;
  for (auto& read : reads) outcome.reads.push_back(std::move(read));
  for (Answer& answer : answers) {
    RemoveGuards(answer.positions);
    RemoveGuards(answer.counts);
    RemoveGuards(answer.scores);
    outcome.answers.push_back(std::move(answer));
  }
  return outcome;
}

BackendHarness::BackendHarness(std::unique_ptr<Backend> backend, uint32_t seed)
    : backend_(std::move(backend)), random_(seed) {}

int BackendHarness::AddStore(const StoreFormat& format, int page_positions) {
  Store store{.format = format,
              .layout = MakePageLayout(format.shape, page_positions),
              .backend_store = nullptr,
              .free_pages = {}};
  auto created = backend_->CreateStore(store.format, store.layout);
  EXPECT_TRUE(created.ok()) << created.status();
  store.backend_store = *std::move(created);
  stores_.push_back(std::move(store));
  return static_cast<int>(stores_.size()) - 1;
}

int BackendHarness::AddSequence(int store) {
  const size_t index = static_cast<size_t>(store);
  sequences_.push_back({.store = index,
                        .table = backend_->CreatePageTable(*stores_[index].backend_store),
                        .pages = {}});
  return static_cast<int>(sequences_.size()) - 1;
}

PageAddress BackendHarness::TakePage(Store& store) {
  if (store.free_pages.empty()) {
    const auto page_bytes = static_cast<PageAddress>(store.layout.page_bytes);
    for (int i = 0; i < kRegionPages; ++i, next_region_ += page_bytes) {
      store.free_pages.push_back(next_region_);
    }
    EXPECT_LE(next_region_, static_cast<PageAddress>(backend_->info().memory_bytes))
        << "test needs more memory";
  }
  const size_t index = static_cast<size_t>(Below(random_, std::ssize(store.free_pages)));
  std::swap(store.free_pages[index], store.free_pages.back());
  const PageAddress page = store.free_pages.back();
  store.free_pages.pop_back();
  return page;
}

void BackendHarness::EditTable(Sequence& sequence, int64_t first) {
  pending_->pages.emplace_back(sequence.pages.begin() + first, sequence.pages.end());
  pending_->batch.table_edits.push_back(
      {.table = sequence.table.get(), .first = first, .pages = pending_->pages.back()});
}

void BackendHarness::Write(int sequence, int layer, int64_t start, int64_t count,
                           TestVectors keys) {
  Sequence& target = sequences_[static_cast<size_t>(sequence)];
  Store& store = StoreOf(target);
  const int64_t had = std::ssize(target.pages);
  while (std::ssize(target.pages) < store.layout.PagesFor(start + count)) {
    target.pages.push_back(TakePage(store));
  }
  if (std::ssize(target.pages) > had) EditTable(target, had);
  pending_->vectors.push_back(std::move(keys));
  pending_->batch.writes.push_back({.store = store.backend_store.get(),
                                    .table = target.table.get(),
                                    .layer = layer,
                                    .start = start,
                                    .count = count,
                                    .keys = View(pending_->vectors.back())});
}

void BackendHarness::Read(int sequence, int layer, int64_t start, int64_t count) {
  Sequence& source = sequences_[static_cast<size_t>(sequence)];
  const Store& store = StoreOf(source);
  const int64_t bytes = count * store.format.shape.key_bytes_per_position();
  pending_->reads.emplace_back(static_cast<size_t>(bytes), std::byte{0xa5});
  pending_->batch.reads.push_back({.store = store.backend_store.get(),
                                   .table = source.table.get(),
                                   .layer = layer,
                                   .start = start,
                                   .count = count,
                                   .codes = pending_->reads.back()});
}

void BackendHarness::Select(SelectionRequest request) {
  Sequence& source = sequences_[static_cast<size_t>(request.sequence)];
  const Store& store = StoreOf(source);
  const StoreShape& shape = store.format.shape;
  const int64_t rows = std::ssize(request.visible) * RowsPerToken(request.policy.grouping, shape);
  const int64_t width = RowCapacity(request.policy, shape) + request.extra_width;
  const bool scored = request.policy.grouping == Grouping::kHead;
  Answer& answer = pending_->answers.emplace_back();
  answer.positions = GuardedInts(rows * width);
  answer.counts = GuardedInts(rows);
  if (scored) answer.scores = GuardedInts(rows * width);
  pending_->vectors.push_back(std::move(request.queries));
  pending_->visible.push_back(std::move(request.visible));
  pending_->batch.selections.push_back({.store = store.backend_store.get(),
                                        .table = source.table.get(),
                                        .layer = request.layer,
                                        .policy = request.policy,
                                        .queries = View(pending_->vectors.back()),
                                        .query_scales = pending_->vectors.back().scales,
                                        .visible = pending_->visible.back(),
                                        .row_width = width,
                                        .positions = answer.positions.data(),
                                        .counts = answer.counts.data(),
                                        .scores = scored ? answer.scores.data() : nullptr});
}

void BackendHarness::Fork(int parent, int child, int64_t length) {
  const Sequence& from = sequences_[static_cast<size_t>(parent)];
  Sequence& to = sequences_[static_cast<size_t>(child)];
  Store& store = StoreOf(to);
  assert(to.pages.empty());
  to.shared_pages = length / store.layout.positions;
  to.pages.assign(from.pages.begin(), from.pages.begin() + to.shared_pages);
  if (length % store.layout.positions != 0) {
    to.pages.push_back(TakePage(store));
    pending_->batch.page_copies.push_back({.store = store.backend_store.get(),
                                           .from = from.pages[static_cast<size_t>(to.shared_pages)],
                                           .to = to.pages.back()});
  }
  EditTable(to, 0);
}

void BackendHarness::Truncate(int sequence, int64_t length) {
  Sequence& target = sequences_[static_cast<size_t>(sequence)];
  Store& store = StoreOf(target);
  while (std::ssize(target.pages) > store.layout.PagesFor(length)) {
    if (std::ssize(target.pages) > target.shared_pages) {
      backend_->Discard(target.pages.back(), store.layout.page_bytes);
      store.free_pages.push_back(target.pages.back());
    }
    target.pages.pop_back();
  }
  target.shared_pages = std::min(target.shared_pages, std::ssize(target.pages));
}

std::unique_ptr<PendingBatch> BackendHarness::Collect() {
  return std::exchange(pending_, std::make_unique<PendingBatch>());
}

std::unique_ptr<PendingBatch> BackendHarness::Start() {
  auto started = Collect();
  backend_->Submit(started->batch, *started);
  return started;
}

}  // namespace kvsift
