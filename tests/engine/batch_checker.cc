#include "tests/engine/batch_checker.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"

namespace kvsift {
namespace {

constexpr PageAddress kLost = ~PageAddress{0};

template <typename A, typename B>
bool Meet(const A& a, const B& b) {
  return std::any_of(a.begin(), a.end(), [&b](const auto& key) { return b.count(key) > 0; });
}

std::set<PageAddress> Keys(const std::map<PageAddress, const PageTable*>& map) {
  std::set<PageAddress> keys;
  for (const auto& [key, value] : map) keys.insert(key);
  return keys;
}

}  // namespace

void BatchChecker::AddStore(const BackendStore* store, const StoreFormat& format,
                            const PageLayout& layout) {
  stores_[store] = {.layers = format.shape.layers, .layout = layout};
}

void BatchChecker::RemoveTable(TableId table) {
  for (const auto& [batch, footprint] : flying_) {
    if (footprint.used_tables.count(table) > 0 || footprint.edited_tables.count(table) > 0) {
      report_("a page table was destroyed while a batch in flight uses it");
    }
  }
  tables_.erase(table);
}

void BatchChecker::Begin(const Batch& batch) {
  Footprint footprint;
  for (const TableEdit& edit : batch.table_edits) ApplyEdit(edit, footprint);
  for (const PageCopy& copy : batch.page_copies) ApplyCopy(copy, footprint);
  for (const KeyWrite& write : batch.writes) ApplyWrite(write, footprint);
  for (const KeyRead& read : batch.reads) {
    CheckRead(read.table, read.layer, read.start, read.start + read.count, footprint);
  }
  for (const Selection& selection : batch.selections) {
    int64_t end = 0;
    for (const int64_t visible : selection.visible) end = std::max(end, visible);
    CheckRead(selection.table, selection.layer, 0, end, footprint);
  }
  CheckAgainstFlying(footprint);
  flying_.emplace(&batch, std::move(footprint));
}

void BatchChecker::End(const Batch& batch, bool lost) {
  flying_.erase(&batch);
  if (!lost) return;
  for (const TableEdit& edit : batch.table_edits) {
    auto& pages = tables_[edit.table].pages;
    std::fill_n(pages.begin() + edit.first, edit.pages.size(), kLost);
  }
}

void BatchChecker::Discard(PageAddress address, int64_t bytes) {
  const PageAddress end = address + static_cast<PageAddress>(bytes);
  for (const auto& [batch, footprint] : flying_) {
    const auto read = footprint.read_pages.lower_bound(address);
    const auto written = footprint.written_pages.lower_bound(address);
    if ((read != footprint.read_pages.end() && *read < end) ||
        (written != footprint.written_pages.end() && written->first < end)) {
      report_(absl::StrCat("page ", address, " is declared dead while a batch can touch it"));
    }
  }
  pages_.erase(pages_.lower_bound(address), pages_.lower_bound(end));
}

void BatchChecker::ApplyEdit(const TableEdit& edit, Footprint& footprint) {
  Table& table = tables_[edit.table];
  if (!footprint.edited_tables.insert(edit.table).second) report_("a table is edited twice");
  if (edit.first > std::ssize(table.pages)) report_("a table edit leaves a gap");
  table.pages.resize(std::max(table.pages.size(), edit.first + edit.pages.size()), kLost);
  std::copy(edit.pages.begin(), edit.pages.end(), table.pages.begin() + edit.first);
  for (const PageAddress page : edit.pages) NamePage(page, stores_[table.store]);
}

void BatchChecker::NamePage(PageAddress address, const Store& store) {
  const int64_t bytes = store.layout.page_bytes;
  const auto next = pages_.upper_bound(address);
  const bool overlaps_next =
      next != pages_.end() && next->first < address + static_cast<PageAddress>(bytes);
  bool overlaps_before = false;
  if (next != pages_.begin()) {
    const auto& [start, page] = *std::prev(next);
    if (start == address && page.bytes == bytes) return;
    overlaps_before = start + static_cast<PageAddress>(page.bytes) > address;
  }
  if (overlaps_next || overlaps_before) report_(absl::StrCat("page ", address, " overlaps one"));
  pages_[address] = {.bytes = bytes,
                     .written = std::vector<bool>(store.layers * store.layout.positions)};
}

void BatchChecker::MarkWritten(Footprint& footprint, PageAddress page, TableId table) {
  const auto [entry, added] = footprint.written_pages.emplace(page, table);
  if (!added && entry->second != table && entry->second != nullptr) {
    report_(absl::StrCat("page ", page, " is written for two sequences in one batch"));
  }
  entry->second = table;
}

void BatchChecker::ApplyCopy(const PageCopy& copy, Footprint& footprint) {
  const auto from = pages_.find(copy.from);
  const auto to = pages_.find(copy.to);
  if (from == pages_.end() || to == pages_.end()) {
    return report_("a page copy names a page that is not alive");
  }
  if (footprint.written_pages.count(copy.from) > 0) report_("a copied page is written");
  to->second.written = from->second.written;
  footprint.read_pages.insert(copy.from);
  MarkWritten(footprint, copy.to, nullptr);
}

BatchChecker::Page* BatchChecker::PageOf(TableId table, int64_t position, PageAddress* address) {
  const auto found = tables_.find(table);
  if (found == tables_.end()) return report_("a batch names an unknown table"), nullptr;
  const auto index = position / stores_[found->second.store].layout.positions;
  if (index >= std::ssize(found->second.pages)) {
    return report_(absl::StrCat("the table has no page for position ", position)), nullptr;
  }
  *address = found->second.pages[index];
  const auto page = pages_.find(*address);
  if (page != pages_.end()) return &page->second;
  report_(absl::StrCat("position ", position, " is on a page that is dead or lost"));
  return nullptr;
}

void BatchChecker::ApplyWrite(const KeyWrite& write, Footprint& footprint) {
  const PageLayout& layout = stores_[write.store].layout;
  footprint.used_tables.insert(write.table);
  for (int64_t position = write.start; position < write.start + write.count; ++position) {
    PageAddress address = 0;
    Page* page = PageOf(write.table, position, &address);
    if (page == nullptr) return;
    MarkWritten(footprint, address, write.table);
    page->written[write.layer * layout.positions + position % layout.positions] = true;
  }
}

void BatchChecker::CheckRead(TableId table, int layer, int64_t start, int64_t end,
                             Footprint& footprint) {
  footprint.used_tables.insert(table);
  for (int64_t position = start; position < end; ++position) {
    PageAddress address = 0;
    const Page* page = PageOf(table, position, &address);
    if (page == nullptr) return;
    const int64_t positions = std::ssize(page->written) / stores_[tables_[table].store].layers;
    if (!page->written[layer * positions + position % positions]) {
      return report_(absl::StrCat("position ", position, " is read but was never written"));
    }
    const auto writer = footprint.written_pages.find(address);
    if (writer == footprint.written_pages.end()) {
      footprint.read_pages.insert(address);
    } else if (writer->second != table) {
      return report_(absl::StrCat("page ", address, " is written and read for two sequences"));
    }
  }
}

void BatchChecker::CheckAgainstFlying(const Footprint& footprint) {
  const auto written = Keys(footprint.written_pages);
  for (const auto& [batch, other] : flying_) {
    const auto others = Keys(other.written_pages);
    if (Meet(written, others) || Meet(written, other.read_pages) ||
        Meet(footprint.read_pages, others)) {
      report_("batches in flight conflict over a page");
    }
    if (Meet(footprint.edited_tables, other.edited_tables) ||
        Meet(footprint.edited_tables, other.used_tables) ||
        Meet(footprint.used_tables, other.edited_tables)) {
      report_("batches in flight conflict over a page table");
    }
  }
}

}  // namespace kvsift
