// The checker must see each broken promise; otherwise tests over the remote backend prove nothing.
#include "tests/engine/batch_checker.h"

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace kvsift {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class FakeStore final : public BackendStore {};
class FakeTable final : public PageTable {};

class BatchCheckerTest : public testing::Test {
 protected:
  BatchCheckerTest() {
    const StoreShape shape = {.layers = 1, .kv_heads = 1, .query_heads = 1, .head_dim = 32};
    layout_ = MakePageLayout(shape, 64);
    checker_.AddStore(&store_, MakeStoreFormat(shape, {}), layout_);
    checker_.AddTable(&a_, &store_);
    checker_.AddTable(&b_, &store_);
  }

  PageAddress Page(int index) const { return index * layout_.page_bytes; }

  Batch& NewBatch() { return batches_.emplace_back(); }
  void AddEdit(Batch& batch, FakeTable& table, std::vector<PageAddress> pages) {
    batch.table_edits.push_back(
        {.table = &table, .first = 0, .pages = pages_.emplace_back(std::move(pages))});
  }
  void AddWrite(Batch& batch, FakeTable& table, int64_t start, int64_t count) {
    batch.writes.push_back({.store = &store_,
                            .table = &table,
                            .layer = 0,
                            .start = start,
                            .count = count,
                            .keys = {}});
  }
  void AddRead(Batch& batch, FakeTable& table, int64_t start, int64_t count) {
    batch.reads.push_back({.store = &store_,
                           .table = &table,
                           .layer = 0,
                           .start = start,
                           .count = count,
                           .codes = {}});
  }
  // Writes 10 positions of `table` on `page`, and completes.
  void Fill(FakeTable& table, PageAddress page) {
    Batch& batch = NewBatch();
    AddEdit(batch, table, {page});
    AddWrite(batch, table, 0, 10);
    checker_.Begin(batch);
    checker_.End(batch, false);
  }

  PageLayout layout_;
  FakeStore store_;
  FakeTable a_;
  FakeTable b_;
  std::vector<std::string> reports_;
  BatchChecker checker_{[this](const std::string& report) { reports_.push_back(report); }};
  std::deque<Batch> batches_;
  std::deque<std::vector<PageAddress>> pages_;
};

TEST_F(BatchCheckerTest, IsSilentWhilePromisesAreKept) {
  Fill(a_, Page(0));
  Batch& reads = NewBatch();
  AddRead(reads, a_, 0, 10);
  checker_.Begin(reads);
  Fill(b_, Page(1));
  checker_.End(reads, false);
  EXPECT_THAT(reports_, IsEmpty());
}

TEST_F(BatchCheckerTest, SeesConflictsInFlight) {
  Fill(a_, Page(0));
  Batch& reads = NewBatch();
  AddRead(reads, a_, 0, 10);
  checker_.Begin(reads);
  Batch& writes = NewBatch();
  AddWrite(writes, a_, 10, 1);
  checker_.Begin(writes);
  EXPECT_THAT(reports_, ElementsAre(HasSubstr("conflict over a page")));
}

TEST_F(BatchCheckerTest, SeesATableEditedUnderARead) {
  Fill(a_, Page(0));
  Batch& reads = NewBatch();
  AddRead(reads, a_, 0, 10);
  checker_.Begin(reads);
  Batch& edits = NewBatch();
  AddEdit(edits, a_, {Page(2)});
  checker_.Begin(edits);
  EXPECT_THAT(reports_, ElementsAre(HasSubstr("conflict over a page table")));
}

TEST_F(BatchCheckerTest, SeesAPageRetiredUnderARead) {
  Fill(a_, Page(0));
  Batch& reads = NewBatch();
  AddRead(reads, a_, 0, 10);
  checker_.Begin(reads);
  checker_.Discard(Page(0), layout_.page_bytes);
  EXPECT_THAT(reports_, ElementsAre(HasSubstr("declared dead")));
}

TEST_F(BatchCheckerTest, SeesReadsOfDeadPagesAndOfWhatNobodyWrote) {
  Fill(a_, Page(0));
  Batch& beyond = NewBatch();
  AddRead(beyond, a_, 0, 11);
  checker_.Begin(beyond);
  checker_.End(beyond, false);
  checker_.Discard(Page(0), layout_.page_bytes);
  Batch& dead = NewBatch();
  AddRead(dead, a_, 0, 1);
  checker_.Begin(dead);
  EXPECT_THAT(reports_,
              ElementsAre(HasSubstr("never written"), HasSubstr("page that is dead or lost")));
}

TEST_F(BatchCheckerTest, SeesAReusedPageThatWasNotWrittenAgain) {
  Fill(a_, Page(0));
  checker_.Discard(Page(0), layout_.page_bytes);
  Batch& batch = NewBatch();
  AddEdit(batch, b_, {Page(0)});
  AddRead(batch, b_, 0, 1);
  checker_.Begin(batch);
  EXPECT_THAT(reports_, ElementsAre(HasSubstr("never written")));
}

TEST_F(BatchCheckerTest, SeesASharedPageWrittenInPlace) {
  Fill(a_, Page(0));
  Batch& batch = NewBatch();
  AddEdit(batch, b_, {Page(0)});
  AddWrite(batch, b_, 10, 1);
  AddRead(batch, a_, 0, 10);
  checker_.Begin(batch);
  EXPECT_THAT(reports_, ElementsAre(HasSubstr("written and read for two sequences")));
}

TEST_F(BatchCheckerTest, SeesOverlappingPagesAndLostEntries) {
  Fill(a_, Page(0));
  Batch& overlap = NewBatch();
  AddEdit(overlap, b_, {Page(0) + 64});
  checker_.Begin(overlap);
  EXPECT_THAT(reports_, ElementsAre(HasSubstr("overlaps")));
  checker_.End(overlap, true);
  Batch& reads = NewBatch();
  AddRead(reads, b_, 0, 1);
  checker_.Begin(reads);
  EXPECT_THAT(reports_, ElementsAre(HasSubstr("overlaps"), HasSubstr("dead or lost")));
}

}  // namespace
}  // namespace kvsift
