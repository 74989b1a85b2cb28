#include "tests/gpu/differential_case.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "kernels/estimate/estimator.h"

namespace kvsift {
namespace {

constexpr int kRounds = 5;
constexpr int kMostForks = 3;
// Of all layers of one sequence, so that ten of them and the pages they waste fit.
constexpr int64_t kSequenceBytes = DifferentialCase::kMemoryBytes / 16;
constexpr int64_t kRawElements = int64_t{1} << 20;  // of one write: making them is slow
constexpr int64_t kAnswerInts = int64_t{1} << 21;   // of one selection

}  // namespace

DifferentialCase::DifferentialCase(std::unique_ptr<Backend> tested,
                                   std::unique_ptr<Backend> reference, int64_t longest,
                                   uint32_t seed)
    : random_(seed),
      pool_(random_),
      longest_(longest),
      twin_(std::move(tested), std::move(reference), seed) {
  const int64_t stores = 1 + Below(random_, 2);
  for (int64_t i = 0; i < stores; ++i) AddStore();
  const int64_t sequences = 1 + Below(random_, 8);
  for (int64_t i = 0; i < sequences; ++i) AddSequence(static_cast<int>(Below(random_, stores)));
}

std::string DifferentialCase::Describe() const {
  std::string text;
  for (const Store& store : stores_) {
    absl::StrAppend(&text, "store ", kvsift::Describe(store.shape), " page=", store.page_positions,
                    "; ");
  }
  absl::StrAppend(&text, "lengths");
  for (const Sequence& sequence : sequences_) absl::StrAppend(&text, " ", sequence.length);
  return text;
}

void DifferentialCase::AddStore() {
  Store store{.shape = RandomShape(random_), .page_positions = RandomPagePositions(random_)};
  const int64_t position_bytes = store.shape.layers * store.shape.key_bytes_per_position();
  store.longest = std::min(longest_, kSequenceBytes / position_bytes);
  twin_.AddStore(RandomFormat(random_, store.shape), store.page_positions);
  stores_.push_back(store);
}

int DifferentialCase::AddSequence(int store) {
  sequences_.push_back({.store = store});
  return twin_.AddSequence(store);
}

TestVectors DifferentialCase::Keys(const StoreShape& shape, int64_t count) {
  const int64_t vectors = count * shape.kv_heads;
  const bool raw = vectors * shape.head_dim <= kRawElements && Below(random_, 2) == 0;
  return raw ? RandomRawVectors(random_, shape, vectors) : pool_.Codes(random_, shape, count);
}

void DifferentialCase::Append(int sequence, int64_t count) {
  Sequence& target = At(sequence);
  const Store& store = stores_[static_cast<size_t>(target.store)];
  count = std::min(count, store.longest - target.length);
  if (count <= 0) return;
  for (int layer = 0; layer < store.shape.layers; ++layer) {
    twin_.Write(sequence, layer, target.length, count, Keys(store.shape, count));
  }
  target.length += count;
}

// Writes over some of the sequence's own positions at one layer.
void DifferentialCase::Rewrite(int sequence) {
  const Sequence& target = At(sequence);
  if (target.has_forks || target.owned_from >= target.length) return;
  const int64_t start = target.owned_from + Below(random_, target.length - target.owned_from);
  const int64_t count = 1 + Below(random_, std::min<int64_t>(target.length - start, 100));
  const int layer = static_cast<int>(Below(random_, ShapeOf(sequence).layers));
  twin_.Write(sequence, layer, start, count, Keys(ShapeOf(sequence), count));
}

// In a batch of its own, because it reads what others would write.
void DifferentialCase::Fork() {
  const int parent = AnySequence();
  if (At(parent).length == 0 || counts_.forks >= kMostForks) return;
  const int64_t at = 1 + Below(random_, At(parent).length);
  const int child = AddSequence(At(parent).store);
  twin_.Fork(parent, child, at);
  At(child).length = at;
  At(child).owned_from = at;
  At(parent).has_forks = true;
  ++counts_.forks;
  Select(child);
  twin_.Run();
}

void DifferentialCase::Truncate() {
  const int sequence = AnySequence();
  Sequence& target = At(sequence);
  if (target.has_forks) return;
  target.length =
      target.owned_from + Below(random_, std::max<int64_t>(target.length - target.owned_from, 1));
  twin_.Truncate(sequence, target.length);
}

void DifferentialCase::Select(int sequence) {
  const StoreShape& shape = ShapeOf(sequence);
  const int64_t length = At(sequence).length;
  if (length == 0) return;
  const Policy policy = RandomPolicy(random_, length);
  const int64_t rows_per_token = RowsPerToken(policy.grouping, shape);
  int64_t tokens = Below(random_, 2) == 0 ? 1 : 1 + Below(random_, 6);
  tokens =
      std::clamp<int64_t>(kAnswerInts / (rows_per_token * RowCapacity(policy, shape)), 1, tokens);
  std::vector<int64_t> visible;
  for (int64_t t = 0; t < tokens; ++t) {
    visible.push_back(Below(random_, 3) > 0 ? DefaultVisibleLength(length, t, tokens)
                                            : RandomLength(random_, length + 1) - 1);
    counts_.keys += rows_per_token * visible.back();
  }
  const bool raw = Below(random_, 2) == 0;
  twin_.Select({.sequence = sequence,
                .layer = static_cast<int>(Below(random_, shape.layers)),
                .policy = policy,
                .queries = raw ? RandomRawVectors(random_, shape, tokens * shape.query_heads)
                               : RandomQueryCodes(random_, shape, policy.estimator, tokens),
                .visible = std::move(visible),
                .extra_width = Below(random_, 2) * Below(random_, 40)});
  ++counts_.selections;
  counts_.rows += tokens * rows_per_token;
}

void DifferentialCase::Read(int sequence) {
  const int64_t length = At(sequence).length;
  if (length == 0) return;
  const int64_t start = Below(random_, length);
  twin_.Read(sequence, static_cast<int>(Below(random_, ShapeOf(sequence).layers)), start,
             1 + Below(random_, length - start));
  ++counts_.reads;
}

void DifferentialCase::FillSequences() {
  std::vector<Twin::InFlight> batches;
  for (int s = 0; s < std::ssize(sequences_); ++s) {
    Append(s, RandomLength(random_, stores_[static_cast<size_t>(At(s).store)].longest));
    batches.push_back(twin_.Start());
  }
  Finish(std::move(batches));
}

// Shares the sequences out to a few batches, which change, read and select at once.
void DifferentialCase::RunRound() {
  std::vector<int> order(sequences_.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int>(i);
  std::shuffle(order.begin(), order.end(), random_);
  std::vector<Twin::InFlight> batches;
  bool is_empty = true;
  for (const int sequence : order) {
    // In this order: writes of one batch must not overlap.
    if (Below(random_, 4) == 0) Rewrite(sequence);
    if (Below(random_, 2) == 0) Append(sequence, RandomLength(random_, 300));
    if (At(sequence).length == 0) continue;
    for (int64_t n = 1 + Below(random_, 3); n > 0; --n) Select(sequence);
    if (Below(random_, 3) == 0) Read(sequence);
    is_empty = false;
    if (Below(random_, 2) == 0) continue;  // the next sequence joins this batch
    batches.push_back(twin_.Start());
    is_empty = true;
  }
  if (!is_empty) batches.push_back(twin_.Start());
  Finish(std::move(batches));
}

void DifferentialCase::Finish(std::vector<Twin::InFlight> batches) {
  counts_.batches += std::ssize(batches);
  for (Twin::InFlight& batch : batches) Twin::Finish(std::move(batch));
}

void DifferentialCase::Run() {
  FillSequences();
  for (int round = 0; round < kRounds && !testing::Test::HasFailure(); ++round) {
    SCOPED_TRACE(absl::StrCat("round ", round));
    if (Below(random_, 2) == 0) Fork();
    if (Below(random_, 2) == 0) Truncate();
    RunRound();
  }
}

}  // namespace kvsift
