#include "server/engine/store.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/engine/field_error.h"
#include "server/engine/store_config.h"

namespace kvsift {
namespace {

std::shared_ptr<const StoreDescription> Describe(const StoreConfig& config,
                                                 const StoreFormat& format,
                                                 const PageLayout& layout) {
  auto description = std::make_shared<StoreDescription>();
  description->config = config;
  description->thresholds = format.thresholds;
  description->fingerprint = Fingerprint(config);
  description->page_bytes = layout.page_bytes;
  description->page_positions = layout.positions;
  return description;
}

}  // namespace

absl::StatusOr<std::shared_ptr<Store>> Store::Create(const StoreConfig& config, Backend& backend,
                                                     Scheduler& scheduler, int64_t max_page_bytes,
                                                     const DriftCallback& on_drift) {
  std::shared_ptr<Store> store(new Store(config, backend, scheduler, on_drift));
  if (store->layout_.page_bytes > max_page_bytes) {
    return InvalidField("config", absl::StrCat("pages of ", store->layout_.page_bytes, " bytes"),
                        absl::StrCat("at most ", max_page_bytes, " (layers x kv_heads x codes of ",
                                     kPagePositions, " positions)"));
  }
  auto backend_store = backend.CreateStore(store->format_, store->layout_);
  if (!backend_store.ok()) return backend_store.status();
  store->backend_store_ = *std::move(backend_store);
  return store;
}

Store::Store(const StoreConfig& config, Backend& backend, Scheduler& scheduler,
             const DriftCallback& on_drift)
    : format_(MakeStoreFormat(config.shape, config.key_scales)),
      layout_(MakePageLayout(config.shape, kPagePositions)),
      description_(Describe(config, format_, layout_)),
      backend_(backend),
      scheduler_(scheduler),
      on_drift_(on_drift),
      levels_(format_) {}

std::optional<int> Store::LayerIndex(int32_t layer_id) const {
  const auto& ids = config().layer_ids;
  const auto found = std::lower_bound(ids.begin(), ids.end(), layer_id);
  if (found == ids.end() || *found != layer_id) return std::nullopt;
  return static_cast<int>(found - ids.begin());
}

void Store::CountLevels(int layer, int64_t start, int64_t count, const VectorData& keys) {
  if (!levels_.Count(layer, start, count, keys)) return;
  const auto largest = LargestDeviationOf(layer);
  if (!largest.has_value() || largest->deviation <= kLevelDeviationLimit) return;
  if (!has_drifted_.exchange(true) && on_drift_) on_drift_(*description_, *largest);
}

std::optional<LevelDeviation> Store::LargestDeviation() const {
  std::optional<LevelDeviation> largest;
  for (int layer = 0; layer < shape().layers; ++layer) {
    const auto of_layer = LargestDeviationOf(layer);
    if (!of_layer.has_value()) continue;
    if (!largest.has_value() || of_layer->deviation > largest->deviation) largest = of_layer;
  }
  return largest;
}

std::optional<LevelDeviation> Store::LargestDeviationOf(int layer) const {
  auto largest = levels_.LargestOf(layer);
  if (largest.has_value()) largest->layer_id = config().layer_ids[layer];
  return largest;
}

SequenceSlot& Store::SlotFor(uint64_t id) {
  std::unique_ptr<SequenceSlot>& slot = slots_[id];
  if (slot == nullptr) {
    slot = std::make_unique<SequenceSlot>();
    slot->id = id;
  }
  return *slot;
}

void Store::EraseIfIdle(const SequenceSlot& slot) {
  if (slot.sequence == nullptr && slot.turns.idle()) slots_.erase(uint64_t{slot.id});
}

const SequenceSlot* Store::Find(uint64_t id) const {
  const auto found = slots_.find(id);
  if (found == slots_.end() || found->second->sequence == nullptr) return nullptr;
  return found->second.get();
}

void Store::Visit(uint64_t from, const std::function<bool(const SequenceSlot&)>& visit) const {
  for (auto entry = slots_.lower_bound(from); entry != slots_.end(); ++entry) {
    if (entry->second->sequence != nullptr && !visit(*entry->second)) return;
  }
}

std::vector<uint64_t> Store::SlotIds() const {
  std::vector<uint64_t> ids;
  ids.reserve(slots_.size());
  for (const auto& [id, slot] : slots_) ids.push_back(id);
  return ids;
}

std::unique_ptr<Sequence> Store::NewSequence() const {
  auto sequence = std::make_unique<Sequence>();
  sequence->lengths.resize(shape().layers);
  sequence->table = backend_.CreatePageTable(*backend_store_);
  return sequence;
}

void Store::Publish(SequenceSlot& slot, std::unique_ptr<Sequence> sequence) {
  sequence->epoch = NextEpoch();
  slot.sequence = std::move(sequence);
  ++sequences_;
  CountPositions(*slot.sequence);
}

void Store::Remove(SequenceSlot& slot, PagePool& pool) {
  for (const PageAddress page : slot.sequence->pages) pool.Drop(page);
  positions_ -= slot.sequence->counted_positions;
  slot.sequence.reset();
  --sequences_;
}

void Store::CountPositions(Sequence& sequence) {
  const int64_t positions = sequence.LongestLayer();
  positions_ += positions - sequence.counted_positions;
  sequence.counted_positions = positions;
}

void Store::TrimPages(Sequence& sequence, PagePool& pool) const {
  const auto kept = static_cast<size_t>(layout_.PagesFor(sequence.LongestLayer()));
  while (sequence.pages.size() > kept) {
    pool.Drop(sequence.pages.back());
    sequence.pages.pop_back();
  }
  sequence.table_entries = std::min(sequence.table_entries, static_cast<int64_t>(kept));
}

}  // namespace kvsift
