// Key codes of the reference backend: wire codes, found through a page table.
#ifndef KVSIFT_KERNELS_REFERENCE_KEY_PAGES_H_
#define KVSIFT_KERNELS_REFERENCE_KEY_PAGES_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "kernels/backend.h"

namespace kvsift {

class ReferenceStore final : public BackendStore {
 public:
  ReferenceStore(const StoreFormat& store_format, const PageLayout& page_layout)
      : format(store_format), layout(page_layout) {}

  const StoreFormat format;
  const PageLayout layout;
};

class ReferencePageTable final : public PageTable {
 public:
  void Apply(const TableEdit& edit);

  std::vector<PageAddress> pages;
};

// One layer of one sequence. `memory` is the start of page memory; all are borrowed.
class KeyPages {
 public:
  KeyPages(std::byte* memory, const ReferenceStore& store, const ReferencePageTable& table,
           int layer)
      : memory_(memory), store_(store), table_(table), layer_(layer) {}

  // The wire code [planes, D/32] of one key. REQUIRES: the table has the position's page.
  std::span<std::byte> Code(int64_t position, int kv_head) const;

  // Copies codes [count, kv_heads, planes, D/32] to or from positions [start, start + count).
  void Write(int64_t start, int64_t count, std::span<const std::byte> codes) const;
  void Read(int64_t start, int64_t count, std::span<std::byte> codes) const;

 private:
  std::byte* memory_;
  const ReferenceStore& store_;
  const ReferencePageTable& table_;
  int layer_;
};

}  // namespace kvsift

#endif  // KVSIFT_KERNELS_REFERENCE_KEY_PAGES_H_
