#include "server/engine/page_pool.h"

#include <algorithm>
#include <bit>
#include <cassert>

#include "absl/strings/str_cat.h"
#include "server/engine/saturating.h"

namespace kvsift {
namespace {

constexpr int64_t kMaxGranuleBytes = int64_t{2} << 20;  // a huge page; what GPUs map at least
constexpr int64_t kMinGranuleBytes = int64_t{4} << 10;
constexpr int64_t kMinGranules = 64;  // that a small budget is cut into
constexpr int64_t kMaxSlabGranules = 16;
constexpr int64_t kMaxWasteDivisor = 32;

// Granules that one page needs.
int64_t PageGranules(int64_t page_bytes, int64_t granule_bytes) {
  return (page_bytes + granule_bytes - 1) / granule_bytes;
}

}  // namespace

int64_t GranuleBytes(int64_t budget_bytes) {
  const auto share = static_cast<uint64_t>(std::max<int64_t>(budget_bytes / kMinGranules, 1));
  return std::clamp(static_cast<int64_t>(std::bit_floor(share)), kMinGranuleBytes,
                    kMaxGranuleBytes);
}

int64_t SlabGranules(int64_t page_bytes, int64_t granule_bytes) {
  const int64_t least = PageGranules(page_bytes, granule_bytes);
  int64_t best = least;
  for (int64_t granules = least; granules <= kMaxSlabGranules; ++granules) {
    const int64_t waste = granules * granule_bytes % page_bytes;
    const int64_t best_waste = best * granule_bytes % page_bytes;
    if (waste * best < best_waste * granules) best = granules;
    if (waste * kMaxWasteDivisor <= granules * granule_bytes) return granules;
  }
  return best;
}

struct PagePool::Slab {
  struct Page {
    int32_t references = 0;
    int32_t next_free = -1;
    Account* account = nullptr;
  };

  int64_t first_granule = 0;
  int64_t granules = 0;
  int64_t page_bytes = 0;
  PageAddress address = 0;
  int64_t used = 0;
  int32_t first_free = -1;
  std::vector<Page> pages;

  Page& PageAt(PageAddress page) { return pages[(page - address) / page_bytes]; }
};

PagePool::PagePool(Backend& backend)
    : backend_(backend),
      budget_bytes_(backend.info().memory_bytes),
      granule_bytes_(GranuleBytes(budget_bytes_)),
      granules_(budget_bytes_ / granule_bytes_),
      slab_of_granule_(budget_bytes_ / granule_bytes_) {}

PagePool::~PagePool() = default;

absl::StatusOr<std::vector<PageAddress>> PagePool::Take(int64_t page_bytes, int64_t count,
                                                        Account& account) {
  std::vector<PageAddress> pages;
  // What cannot fit is refused before any page is touched.
  bool fits = count <= (budget_bytes_ - resident_bytes_) / page_bytes;
  absl::Status backed;
  while (fits && backed.ok() && static_cast<int64_t>(pages.size()) < count) {
    PageAddress page = 0;
    fits = TakeOne(page_bytes, account, &page, &backed);
    if (fits) pages.push_back(page);
  }
  if (fits) return pages;
  for (const PageAddress page : pages) Drop(page);
  if (!backed.ok()) return backed;
  const MemoryUse use = Use();
  return absl::ResourceExhaustedError(absl::StrCat(
      "memory budget is spent: ", count, " pages of ", page_bytes, " bytes asked (",
      SaturatingProduct(count, page_bytes), " bytes), ", use.free_bytes, " bytes free, of them ",
      use.fragmented_bytes, " in slabs that serve one page size each"));
}

bool PagePool::TakeOne(int64_t page_bytes, Account& account, PageAddress* page,
                       absl::Status* backed) {
  Slab* slab = OpenSlab(page_bytes, backed);
  if (slab == nullptr) return false;
  const int32_t index = slab->first_free;
  Slab::Page& record = slab->pages[index];
  slab->first_free = record.next_free;
  record = {.references = 1, .next_free = -1, .account = &account};
  if (++slab->used == static_cast<int64_t>(slab->pages.size())) {
    open_slabs_[page_bytes].erase(slab->first_granule);
  }
  resident_bytes_ += page_bytes;
  account.resident_bytes += page_bytes;
  *page = slab->address + index * page_bytes;
  return true;
}

void PagePool::Share(PageAddress page) { ++SlabOf(page).PageAt(page).references; }

void PagePool::Drop(PageAddress page) {
  Slab& slab = SlabOf(page);
  Slab::Page& record = slab.PageAt(page);
  assert(record.references > 0);
  if (--record.references > 0) return;
  record.account->resident_bytes -= slab.page_bytes;
  resident_bytes_ -= slab.page_bytes;
  record.account = nullptr;
  record.next_free = slab.first_free;
  slab.first_free = static_cast<int32_t>(&record - slab.pages.data());
  backend_.Discard(page, slab.page_bytes);
  open_slabs_[slab.page_bytes].insert(slab.first_granule);
  if (--slab.used == 0) CloseSlab(slab);
}

bool PagePool::IsShared(PageAddress page) const { return SlabOf(page).PageAt(page).references > 1; }

MemoryUse PagePool::Use() const {
  return {.budget_bytes = budget_bytes_,
          .resident_bytes = resident_bytes_,
          .free_bytes = budget_bytes_ - resident_bytes_,
          .fragmented_bytes = slab_bytes_ - resident_bytes_};
}

PagePool::Slab* PagePool::OpenSlab(int64_t page_bytes, absl::Status* backed) {
  std::set<int64_t>& open = open_slabs_[page_bytes];
  if (!open.empty()) return slab_of_granule_[*open.begin()].get();
  // A smaller slab than the best one is better than none.
  int64_t granules = SlabGranules(page_bytes, granule_bytes_);
  const int64_t least = PageGranules(page_bytes, granule_bytes_);
  int64_t first = granules_.Take(granules);
  while (first < 0 && granules > least) first = granules_.Take(--granules);
  if (first < 0) return nullptr;
  *backed = backend_.Provide(first * granule_bytes_, granules * granule_bytes_);
  if (!backed->ok()) {
    granules_.Give(first, granules);
    return nullptr;
  }

  auto slab = std::make_shared<Slab>();
  slab->first_granule = first;
  slab->granules = granules;
  slab->page_bytes = page_bytes;
  slab->address = first * granule_bytes_;
  slab->pages.resize(granules * granule_bytes_ / page_bytes);
  slab->first_free = 0;
  for (size_t i = 0; i + 1 < slab->pages.size(); ++i) {
    slab->pages[i].next_free = static_cast<int32_t>(i + 1);
  }
  for (int64_t i = 0; i < granules; ++i) slab_of_granule_[first + i] = slab;
  slab_bytes_ += granules * granule_bytes_;
  open.insert(first);
  return slab.get();
}

void PagePool::CloseSlab(const Slab& slab) {
  const int64_t first = slab.first_granule;
  const int64_t granules = slab.granules;
  backend_.Discard(slab.address, granules * granule_bytes_);
  open_slabs_[slab.page_bytes].erase(first);
  slab_bytes_ -= granules * granule_bytes_;
  granules_.Give(first, granules);
  // The last of these frees the slab.
  for (int64_t i = 0; i < granules; ++i) slab_of_granule_[first + i].reset();
}

PagePool::Slab& PagePool::SlabOf(PageAddress page) const {
  Slab* slab = slab_of_granule_[static_cast<int64_t>(page) / granule_bytes_].get();
  assert(slab != nullptr);
  return *slab;
}

}  // namespace kvsift
