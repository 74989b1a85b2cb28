// Holds the engine to what kernels/backend.h promises backends.
#ifndef KVSIFT_TESTS_ENGINE_BATCH_CHECKER_H_
#define KVSIFT_TESTS_ENGINE_BATCH_CHECKER_H_

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "kernels/backend.h"

namespace kvsift {

// Follows page tables and pages as batches are submitted and reports, with one line each,
//   - batches in flight at once that conflict (a page or table that one changes, another uses),
//   - entries of one batch that conflict,
//   - reads of positions that nobody has written since their page was last dead,
//   - use of table entries that were never set or were lost with a failed batch,
//   - pages that overlap, or are declared dead while a batch in flight can touch them.
// Thread-compatible.
class BatchChecker {
 public:
  // Tables and stores are known by any address that stays theirs.
  using TableId = const PageTable*;

  explicit BatchChecker(std::function<void(const std::string&)> report)
      : report_(std::move(report)) {}

  void AddStore(const BackendStore* store, const StoreFormat& format, const PageLayout& layout);
  void AddTable(TableId table, const BackendStore* store) { tables_[table].store = store; }
  void RemoveTable(TableId table);

  // The batch is in flight from now until End.
  void Begin(const Batch& batch);
  // The batch is done. If it was `lost`, so are the table entries that it set.
  void End(const Batch& batch, bool lost);
  void Discard(PageAddress address, int64_t bytes);

 private:
  struct Store {
    int layers = 0;
    PageLayout layout;
  };
  struct Table {
    const BackendStore* store = nullptr;
    std::vector<PageAddress> pages;
  };
  struct Page {
    int64_t bytes = 0;
    std::vector<bool> written;  // [layers, positions]
  };
  // What one batch touches, and for whom: the table, or null for a page copy's source.
  struct Footprint {
    std::map<PageAddress, TableId> written_pages;
    std::set<PageAddress> read_pages;
    std::set<TableId> edited_tables;
    std::set<TableId> used_tables;
  };

  void ApplyEdit(const TableEdit& edit, Footprint& footprint);
  void ApplyCopy(const PageCopy& copy, Footprint& footprint);
  void ApplyWrite(const KeyWrite& write, Footprint& footprint);
  void CheckRead(TableId table, int layer, int64_t start, int64_t end, Footprint& footprint);
  void CheckAgainstFlying(const Footprint& footprint);
  // The page of a position, or null after a report.
  Page* PageOf(TableId table, int64_t position, PageAddress* address);
  void NamePage(PageAddress address, const Store& store);
  void MarkWritten(Footprint& footprint, PageAddress page, TableId table);

  const std::function<void(const std::string&)> report_;
  std::map<const BackendStore*, Store> stores_;
  std::map<TableId, Table> tables_;
  std::map<PageAddress, Page> pages_;
  std::map<const Batch*, Footprint> flying_;
};

}  // namespace kvsift

#endif  // KVSIFT_TESTS_ENGINE_BATCH_CHECKER_H_
