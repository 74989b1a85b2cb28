#include "server/engine/page_edit.h"

#include <algorithm>

namespace kvsift {

absl::Status PageEdit::Reserve(Store& store, PagePool& pool, const Sequence& sequence,
                               int64_t first, int64_t end) {
  const PageLayout& layout = store.layout();
  const auto held = static_cast<int64_t>(sequence.pages.size());
  const int64_t first_page = first / layout.positions;
  const int64_t added = std::max<int64_t>(layout.PagesFor(end) - held, 0);
  for (int64_t entry = first_page; entry < std::min(layout.PagesFor(end), held); ++entry) {
    const PageAddress page = sequence.pages[entry];
    if (pool.IsShared(page)) replaced_.push_back({.entry = entry, .from = page, .to = 0});
  }
  auto reserved = pool.Take(layout.page_bytes, added + std::ssize(replaced_), store.account());
  if (!reserved.ok()) {
    replaced_.clear();
    return reserved.status();
  }
  reserved_ = *std::move(reserved);

  // One edit from the first entry that changes, or that a failed batch has lost, to the end.
  first_entry_ = std::min(held, sequence.table_entries);
  if (!replaced_.empty()) first_entry_ = std::min(first_entry_, replaced_.front().entry);
  entries_.assign(sequence.pages.begin() + first_entry_, sequence.pages.end());
  size_t next = 0;
  for (Replaced& replaced : replaced_) {
    replaced.to = reserved_[next++];
    entries_[replaced.entry - first_entry_] = replaced.to;
  }
  entries_.insert(entries_.end(), reserved_.begin() + static_cast<int64_t>(next), reserved_.end());
  return absl::OkStatus();
}

void PageEdit::AddTo(const Store& store, const Sequence& sequence, Batch& batch) const {
  if (!entries_.empty()) {
    batch.table_edits.push_back(
        {.table = sequence.table.get(), .first = first_entry_, .pages = entries_});
  }
  for (const Replaced& replaced : replaced_) {
    batch.page_copies.push_back(
        {.store = &store.backend_store(), .from = replaced.from, .to = replaced.to});
  }
}

void PageEdit::Publish(PagePool& pool, Sequence& sequence) {
  for (const Replaced& replaced : replaced_) pool.Drop(replaced.from);
  sequence.pages.resize(first_entry_);
  sequence.pages.insert(sequence.pages.end(), entries_.begin(), entries_.end());
  sequence.table_entries = std::ssize(sequence.pages);
}

void PageEdit::Abandon(PagePool& pool, Sequence& sequence) {
  for (const PageAddress page : reserved_) pool.Drop(page);
  if (!entries_.empty()) sequence.table_entries = std::min(sequence.table_entries, first_entry_);
}

}  // namespace kvsift
