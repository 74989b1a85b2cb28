#include "client/load/reference_answer.h"

#include <utility>

#include "kernels/page_memory.h"
#include "kernels/reference/reference_backend.h"

namespace kvsift::load {
namespace {

constexpr int kPagePositions = 1024;

// The reference runs inside Submit.
class Outcome final : public BatchObserver {
 public:
  void OnBatchDone(const Batch&, absl::Status outcome) override { status = std::move(outcome); }
  absl::Status status = absl::InternalError("the reference backend has not answered");
};

// A shape of one layer.
StoreShape LayerShape(const client::StoreConfig& config) {
  StoreShape shape = config.Shape();
  shape.layers = 1;
  return shape;
}

}  // namespace

absl::StatusOr<std::unique_ptr<ReferenceAnswer>> ReferenceAnswer::Make(
    const client::StoreConfig& config, const Policy& policy, int64_t longest) {
  auto reference = std::unique_ptr<ReferenceAnswer>(new ReferenceAnswer(config, policy));
  const int64_t pages = reference->layout_.PagesFor(longest);
  const int64_t page_bytes = reference->layout_.page_bytes;
  auto memory = ReservePageMemory(pages * page_bytes);
  if (!memory.ok()) return memory.status();
  reference->backend_ = CreateReferenceBackend(*std::move(memory));
  for (int64_t i = 0; i < pages; ++i) {
    reference->pages_.push_back(static_cast<PageAddress>(i * page_bytes));
  }
  return reference;
}

ReferenceAnswer::ReferenceAnswer(const client::StoreConfig& config, const Policy& policy)
    : config_(config),
      policy_(policy),
      layout_(MakePageLayout(LayerShape(config), kPagePositions)) {}

absl::StatusOr<ReferenceAnswer::Layer*> ReferenceAnswer::LayerOf(int index) {
  const auto found = layers_.find(index);
  if (found != layers_.end()) return &found->second;
  std::vector<float> scales;
  if (!config_.key_scales.empty()) {
    const auto first = config_.key_scales.begin() + index * config_.kv_heads;
    scales.assign(first, first + config_.kv_heads);
  }
  auto store =
      backend_->CreateStore(MakeStoreFormat(LayerShape(config_), std::move(scales)), layout_);
  if (!store.ok()) return store.status();
  Layer layer{*std::move(store), nullptr};
  layer.table = backend_->CreatePageTable(*layer.store);
  return &layers_.emplace(index, std::move(layer)).first->second;
}

absl::StatusOr<Rows> ReferenceAnswer::Of(const Question& question) {
  const absl::StatusOr<Layer*> layer = LayerOf(question.layer);
  if (!layer.ok()) return layer.status();
  const BackendStore* store = (*layer)->store.get();
  PageTable* table = (*layer)->table.get();
  const StoreShape shape = LayerShape(config_);
  Rows rows;
  rows.width = static_cast<int32_t>(RowCapacity(policy_, shape));
  rows.counts.resize(RowsPerToken(policy_.grouping, shape));
  rows.positions.resize(rows.counts.size() * rows.width);
  Batch batch;
  batch.table_edits.push_back({table, 0, pages_});
  if (question.visible > 0) {
    batch.writes.push_back({store, table, 0, 0, question.visible, question.keys});
  }
  batch.selections.push_back({.store = store,
                              .table = table,
                              .layer = 0,
                              .policy = policy_,
                              .queries = question.queries,
                              .query_scales = question.query_scales,
                              .visible = std::span(&question.visible, 1),
                              .row_width = rows.width,
                              .positions = rows.positions.data(),
                              .counts = rows.counts.data()});
  Outcome outcome;
  backend_->Submit(batch, outcome);
  if (!outcome.status.ok()) return outcome.status;
  return rows;
}

}  // namespace kvsift::load
