// Cutting requests and putting answers together changes nothing.
#include "client/pool/request_parts.h"

#include <numeric>
#include <vector>

#include "client/pool/answer_merge.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace kvsift::client {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

StoreConfig SmallConfig() {
  StoreConfig config;
  config.layer_ids = {2, 5};
  config.kv_heads = 1;
  config.query_heads = 2;
  config.head_dim = 4;
  return config;
}

std::vector<float> Counted(int64_t count) {
  std::vector<float> values(count);
  std::iota(values.begin(), values.end(), 0.0f);
  return values;
}

std::vector<float> Floats(std::span<const std::byte> bytes) {
  std::vector<float> values(bytes.size() / sizeof(float));
  std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

// Three sequences with 1, 0 and 2 keys and 2, 1 and 0 query tokens.
StepRequest SmallStep(const std::vector<float>& keys, const std::vector<float>& queries) {
  StepRequest step;
  step.layer_id = 2;
  step.entries = {{.sequence_id = 7, .start = 3, .key_count = 1, .query_tokens = 2},
                  {.sequence_id = 8, .key_count = 0, .query_tokens = 1},
                  {.sequence_id = 9, .start = 0, .key_count = 2, .query_tokens = 0}};
  step.keys = Float32Vectors(keys);
  step.queries.vectors = Float32Vectors(queries);
  step.queries.policies = {{.k = 4}};
  return step;
}

TEST(RequestParts, APartHasItsEntriesVectors) {
  const std::vector<float> keys = Counted(3 * 4);
  const std::vector<float> queries = Counted(3 * 2 * 4);
  const std::vector<int64_t> visible = {4, 5, 6};
  StepRequest step = SmallStep(keys, queries);
  step.queries.visible_lengths = visible;
  ASSERT_TRUE(IsSliceable(SmallConfig(), step));
  const StepPart part = PartOf(SmallConfig(), step, std::vector<int32_t>{2, 1});
  ASSERT_EQ(part.request.entries.size(), 2u);
  EXPECT_EQ(part.request.entries[0].sequence_id, 9u);
  EXPECT_THAT(Floats(part.request.keys.bytes), ElementsAre(4, 5, 6, 7, 8, 9, 10, 11));
  EXPECT_THAT(Floats(part.request.queries.vectors.bytes),
              ElementsAre(16, 17, 18, 19, 20, 21, 22, 23));
  EXPECT_THAT(part.request.queries.visible_lengths, ElementsAre(6));
  EXPECT_THAT(part.request.queries.scales, IsEmpty());
}

TEST(RequestParts, APartOfAnAppendHasEachLayersKeys) {
  const std::vector<float> keys = Counted(2 * 3 * 4);  // [layers, tokens, head_dim]
  AppendRequest append;
  append.layer_ids = {2, 5};
  append.entries = {{7, 0, 1, {}}, {8, 0, 2, {}}};
  append.keys = Float32Vectors(keys);
  ASSERT_TRUE(IsSliceable(SmallConfig(), append));
  const AppendPart part = PartOf(SmallConfig(), append, std::vector<int32_t>{0});
  EXPECT_THAT(Floats(part.request.keys.bytes), ElementsAre(0, 1, 2, 3, 12, 13, 14, 15));
}

TEST(RequestParts, WhatDoesNotFitIsNotCut) {
  const std::vector<float> keys = Counted(3 * 4);
  const std::vector<float> queries = Counted(3 * 2 * 4);
  const auto is_cut = [&](const auto& spoil) {
    StepRequest step = SmallStep(keys, queries);
    spoil(step);
    return IsSliceable(SmallConfig(), step);
  };
  EXPECT_TRUE(is_cut([](StepRequest&) {}));
  EXPECT_FALSE(is_cut([](StepRequest& step) { step.entries[0].key_count = 2; }));
  EXPECT_FALSE(is_cut([](StepRequest& step) { step.entries[0].key_count = -1; }));
  EXPECT_FALSE(is_cut([](StepRequest& step) { step.entries[0].query_tokens = INT64_MAX; }));
  EXPECT_FALSE(is_cut([](StepRequest& step) { step.entries[1].policy = 1; }));
  EXPECT_FALSE(is_cut(
      [](StepRequest& step) { step.queries.vectors.bytes = step.queries.vectors.bytes.first(5); }));
  const std::vector<int64_t> visible = {4};
  EXPECT_FALSE(is_cut([&](StepRequest& step) { step.queries.visible_lengths = visible; }));
}

// Entry e's rows of an answer to SmallStep: one row for each of two heads and query token.
SelectionResult Answer(std::vector<int32_t> counts, std::vector<int32_t> positions,
                       std::vector<int64_t> entry_rows) {
  SelectionResult result;
  result.width = 4;
  result.counts = std::move(counts);
  result.positions = std::move(positions);
  result.entry_rows = std::move(entry_rows);
  result.epochs.assign(result.entry_rows.size() - 1, 3);
  result.lengths.assign(result.entry_rows.size() - 1, 10);
  return result;
}

TEST(AnswerMerge, RowsComeInTheOrderOfTheRequest) {
  const std::vector<float> none;
  const StepRequest step = SmallStep(none, none);
  Store store;
  store.config = SmallConfig();
  std::vector<PartAnswer> parts(2);
  parts[0] = {{1, PartAnswer::kSuperseded},
              Answer({1, 2}, {5, -1, -1, -1, 6, 7, -1, -1}, {0, 2, 2})};
  parts[1] = {
      {0},
      Answer({1, 1, 1, 1}, {1, -1, -1, -1, 2, -1, -1, -1, 3, -1, -1, -1, 4, -1, -1, -1}, {0, 4})};
  const SelectionResult merged = MergeAnswers(
      store, step, parts, {{.entry = 2, .status = absl::UnavailableError("gone"), .length = 1}});
  EXPECT_THAT(merged.counts, ElementsAre(1, 1, 1, 1, 1, 2));
  EXPECT_THAT(merged.entry_rows, ElementsAre(0, 4, 6, 6));
  EXPECT_THAT(merged.Row(3), ElementsAre(4));
  EXPECT_THAT(merged.Row(5), ElementsAre(6, 7));
  EXPECT_THAT(merged.epochs, ElementsAre(3, 3, 0));
  EXPECT_THAT(merged.lengths, ElementsAre(10, 10, 1));
  ASSERT_EQ(merged.errors.size(), 1u);
  EXPECT_EQ(merged.errors[0].entry, 2);
}

TEST(AnswerMerge, AFailedEntryKeepsItsRowsAndTheWidth) {
  const std::vector<float> none;
  StepRequest step = SmallStep(none, none);
  step.queries.policies = {{.k = 4}, {.k = 2}};
  step.entries[1].policy = 1;
  Store store;
  store.config = SmallConfig();
  SelectionResult narrow = Answer({2, 1}, {5, 6, 7, -1}, {0, 2});
  narrow.width = 2;
  narrow.errors = {};
  const SelectionResult merged =
      MergeAnswers(store, step, {{{1}, narrow}},
                   {{.entry = 0, .status = absl::UnavailableError("gone")},
                    {.entry = 2, .status = absl::UnavailableError("gone")}});
  EXPECT_EQ(merged.width, 4);
  EXPECT_THAT(merged.counts, ElementsAre(0, 0, 0, 0, 2, 1));
  EXPECT_THAT(merged.Row(4), ElementsAre(5, 6));
  EXPECT_EQ(merged.positions.size(), 24u);
}

TEST(AnswerMerge, PackedRowsGetNewOffsets) {
  const std::vector<float> none;
  StepRequest step = SmallStep(none, none);
  step.queries.layout = RowLayout::kPacked;
  step.queries.want_scores = true;
  Store store;
  store.config = SmallConfig();
  SelectionResult packed = Answer({1, 2}, {5, 6, 7}, {0, 2});
  packed.width = 0;
  packed.offsets = {0, 1, 3};
  packed.scores = {50, 60, 70};
  const SelectionResult merged =
      MergeAnswers(store, step, {{{1}, packed}},
                   {{.entry = 0, .status = absl::UnavailableError("gone")},
                    {.entry = 2, .status = absl::UnavailableError("gone")}});
  EXPECT_THAT(merged.offsets, ElementsAre(0, 0, 0, 0, 0, 1, 3));
  EXPECT_THAT(merged.RowScores(5), ElementsAre(60, 70));
}

}  // namespace
}  // namespace kvsift::client
