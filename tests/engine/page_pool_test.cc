#include "server/engine/page_pool.h"

#include <algorithm>
#include <memory>
#include <random>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/engine/granule_map.h"

namespace kvsift {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

// Page memory that remembers what was provided, and what was discarded.
class RecordingBackend final : public Backend {
 public:
  explicit RecordingBackend(int64_t bytes) { info_.memory_bytes = bytes; }
  const BackendInfo& info() const override { return info_; }
  absl::StatusOr<std::unique_ptr<BackendStore>> CreateStore(const StoreFormat&,
                                                            const PageLayout&) override {
    return absl::UnimplementedError("");
  }
  std::unique_ptr<PageTable> CreatePageTable(const BackendStore&) override { return nullptr; }
  absl::Status Provide(PageAddress address, int64_t bytes) override {
    if (static_cast<int64_t>(address) + bytes > most_provided) {
      return absl::ResourceExhaustedError("the device has no more");
    }
    provided.emplace_back(address, bytes);
    return absl::OkStatus();
  }
  void Discard(PageAddress address, int64_t bytes) override {
    discarded.emplace_back(address, bytes);
  }
  void Submit(const Batch&, BatchObserver&) override {}

  int64_t most_provided = int64_t{1} << 40;
  std::vector<std::pair<PageAddress, int64_t>> provided;
  std::vector<std::pair<PageAddress, int64_t>> discarded;

 private:
  BackendInfo info_;
};

TEST(GranuleMap, TakesTheLowestRunAndJoinsNeighbours) {
  GranuleMap map(10);
  EXPECT_EQ(map.Take(4), 0);
  EXPECT_EQ(map.Take(3), 4);
  EXPECT_EQ(map.Take(4), -1);
  map.Give(0, 4);
  EXPECT_EQ(map.Take(5), -1);
  map.Give(4, 3);
  EXPECT_EQ(map.Take(10), 0);
  EXPECT_EQ(map.Take(1), -1);
}

TEST(GranuleMap, GivenBackInAnyOrderIsOneRunAgain) {
  std::mt19937 random(3);
  std::vector<int64_t> taken(50);
  GranuleMap map(50);
  for (int64_t& granule : taken) granule = map.Take(1);
  std::shuffle(taken.begin(), taken.end(), random);
  for (const int64_t granule : taken) map.Give(granule, 1);
  EXPECT_EQ(map.Take(50), 0);
}

TEST(PagePool, GranulesSuitTheBudget) {
  EXPECT_EQ(GranuleBytes(0), 4096);
  EXPECT_EQ(GranuleBytes(int64_t{1} << 20), 16384);
  EXPECT_EQ(GranuleBytes((int64_t{1} << 27) - 1), int64_t{1} << 20);
  EXPECT_EQ(GranuleBytes(int64_t{1} << 27), int64_t{2} << 20);
  EXPECT_EQ(GranuleBytes(int64_t{1} << 40), int64_t{2} << 20);
}

TEST(PagePool, SlabsWasteAtMostA32ndWherePossible) {
  EXPECT_EQ(SlabGranules(4096, 4096), 1);
  EXPECT_EQ(SlabGranules(4096, 65536), 1);
  EXPECT_EQ(SlabGranules(3072, 4096), 3);
  EXPECT_EQ(SlabGranules(5000, 4096), 5) << "4 pages, 480 of 20480 bytes wasted";
  EXPECT_EQ(SlabGranules(100000, 4096), 25) << "larger than 16 granules: one page";
}

TEST(PagePool, ReferencesKeepAPageAlive) {
  RecordingBackend backend(1 << 20);
  PagePool pool(backend);
  Account account;
  const auto pages = *pool.Take(4096, 2, account);
  pool.Share(pages[0]);
  EXPECT_TRUE(pool.IsShared(pages[0]));
  EXPECT_FALSE(pool.IsShared(pages[1]));
  EXPECT_EQ(account.resident_bytes, 8192) << "a shared page is charged once";
  pool.Drop(pages[0]);
  EXPECT_FALSE(pool.IsShared(pages[0]));
  EXPECT_THAT(backend.discarded, IsEmpty());
  pool.Drop(pages[0]);
  EXPECT_THAT(backend.discarded, Contains(Pair(pages[0], 4096)));
  EXPECT_EQ(account.resident_bytes, 4096);
  pool.Drop(pages[1]);
  EXPECT_THAT(backend.discarded, Contains(Pair(0, 16384))) << "the slab's only granule";
  EXPECT_EQ(pool.Use().free_bytes, 1 << 20);
  EXPECT_EQ(pool.Use().fragmented_bytes, 0);
}

TEST(PagePool, TakesAllOrNothing) {
  RecordingBackend backend(1 << 20);
  PagePool pool(backend);
  Account account;
  ASSERT_TRUE(pool.Take(4096, 200, account).ok());
  const auto refused = pool.Take(4096, 57, account);
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("233472 bytes"));
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("229376 bytes free"));
  EXPECT_EQ(account.resident_bytes, 200 * 4096);
  EXPECT_TRUE(pool.Take(4096, 56, account).ok());
  EXPECT_EQ(pool.Use().free_bytes, 0);
}

TEST(PagePool, ABackendProvidesEachSlabBeforeItsPagesAreTaken) {
  RecordingBackend backend(1 << 20);
  PagePool pool(backend);
  Account account;
  ASSERT_TRUE(pool.Take(4096, 5, account).ok());
  EXPECT_THAT(backend.provided, ElementsAre(Pair(0, 16384), Pair(16384, 16384)));
}

TEST(PagePool, ABackendWithoutMemoryEndsATakeThatChangesNothing) {
  RecordingBackend backend(1 << 20);
  backend.most_provided = 1 << 19;
  PagePool pool(backend);
  Account account;
  ASSERT_TRUE(pool.Take(4096, 100, account).ok());
  const auto refused = pool.Take(4096, 29, account);
  EXPECT_EQ(refused.status(), absl::ResourceExhaustedError("the device has no more"));
  EXPECT_EQ(account.resident_bytes, 100 * 4096);
  EXPECT_EQ(pool.Use().free_bytes, (1 << 20) - 100 * 4096);
  EXPECT_EQ(pool.Use().fragmented_bytes, 0);
  EXPECT_TRUE(pool.Take(4096, 28, account).ok());
  backend.most_provided = 1 << 20;
  EXPECT_TRUE(pool.Take(4096, 128, account).ok()) << "the granules were given back";
}

TEST(PagePool, RefusesWhatOnlyFragmentsCouldHold) {
  RecordingBackend backend(1 << 20);
  PagePool pool(backend);
  Account account;
  std::vector<PageAddress> pages = *pool.Take(4096, 256, account);
  for (size_t i = 0; i < pages.size(); i += 2) pool.Drop(pages[i]);
  EXPECT_EQ(pool.Use().free_bytes, 1 << 19);
  EXPECT_EQ(pool.Use().fragmented_bytes, 1 << 19);
  EXPECT_FALSE(pool.Take(8192, 1, account).ok());
  EXPECT_TRUE(pool.Take(4096, 128, account).ok());
}

TEST(PagePool, UsesTheLastGranulesForSmallerSlabs) {
  RecordingBackend backend(1 << 18);  // 64 granules of 4096
  PagePool pool(backend);
  Account account;
  // Slabs of three granules hold four pages; the 64th granule holds one more.
  EXPECT_TRUE(pool.Take(3072, 85, account).ok());
  EXPECT_FALSE(pool.Take(3072, 1, account).ok());
}

TEST(PagePool, HandsOutDisjointPagesAndIsWholeAgainAfterRandomUse) {
  RecordingBackend backend(1 << 22);
  PagePool pool(backend);
  Account account;
  std::mt19937 random(11);
  const int64_t sizes[] = {4096, 3072, 20480, 100032};
  std::map<PageAddress, int64_t> live;
  for (int step = 0; step < 5000; ++step) {
    if (random() % 2 == 0 && !live.empty()) {
      auto victim = std::next(live.begin(), random() % live.size());
      pool.Drop(victim->first);
      live.erase(victim);
      continue;
    }
    const int64_t bytes = sizes[random() % 4];
    const auto pages = pool.Take(bytes, 1 + random() % 3, account);
    if (!pages.ok()) continue;
    for (const PageAddress page : *pages) {
      const auto next = live.lower_bound(page);
      if (next != live.end()) {
        ASSERT_LE(page + bytes, next->first);
      }
      if (next != live.begin()) {
        ASSERT_LE(std::prev(next)->first + std::prev(next)->second, page);
      }
      ASSERT_LE(page + bytes, PageAddress{1} << 22);
      live[page] = bytes;
    }
  }
  for (const auto& [page, bytes] : live) pool.Drop(page);
  EXPECT_EQ(pool.Use().free_bytes, 1 << 22);
  EXPECT_EQ(pool.Use().fragmented_bytes, 0);
  EXPECT_EQ(account.resident_bytes, 0);
}

}  // namespace
}  // namespace kvsift
