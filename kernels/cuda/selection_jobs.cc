#include "kernels/cuda/selection_jobs.h"

#include <algorithm>

#include "kernels/format/code_shape.h"

namespace kvsift::cuda {
namespace {

int32_t Ranked(const Policy& policy) { return policy.k - policy.sinks - policy.window; }

}  // namespace

bool MakesLists(Grouping grouping) {
  return grouping == Grouping::kGroupMax || grouping == Grouping::kGroupUnion ||
         grouping == Grouping::kLayerMax;
}

struct SelectionJobs::Context {
  const Selection& selection;
  const CudaStore& store;
  const uint64_t* table;
  DeviceQueries queries;
  int64_t out;
  int64_t count;
  int64_t first_entry;  // in the lists
  int64_t first_list;
  int query_words;

  int Visible(int token) const {
    return static_cast<int>(selection.visible[static_cast<size_t>(token)]);
  }
  int64_t Vector(int token, int head) const {
    return int64_t{token} * store.shape().query_heads + head;
  }
};

int64_t SelectionJobs::StagingBytes(const Selection& selection) const {
  const auto& shape = static_cast<const CudaStore*>(selection.store)->shape();
  constexpr int64_t kPerColumn = sizeof(SelectColumn) + sizeof(SelectUnit) + sizeof(GeneralRow) +
                                 sizeof(MergeRow) + sizeof(ScoreJob) + sizeof(UnitPart);
  constexpr int64_t kPieces = 16;  // arrays that a selection may begin
  int64_t bytes = kPieces * Staging::Footprint(1);
  for (const int64_t visible : selection.visible) {
    const int64_t slices = visible / tuning_.least_slice_keys + 2;
    const auto per_column = kPerColumn + slices * static_cast<int64_t>(sizeof(UnitSlice));
    bytes += shape.query_heads * per_column;
  }
  return bytes;
}

bool SelectionJobs::Travels(const Selection& selection) const {
  const StoreShape& shape = static_cast<const CudaStore*>(selection.store)->shape();
  const int64_t tokens = std::ssize(selection.visible);
  const int64_t columns = tokens * shape.query_heads;
  const int64_t words =
      columns * CodeWords(shape.head_dim, QueryPlanes(selection.policy.estimator, shape.key_bits));
  const auto is_long = [this](int64_t visible) { return visible > tuning_.longest_row; };
  return columns <= FewUnits::kMostColumns &&
         tokens * shape.kv_heads * ((shape.group_size() + kUnitColumns - 1) / kUnitColumns) <=
             FewUnits::kMostUnits &&
         words <= FewUnits::kMostCodeWords &&
         std::none_of(selection.visible.begin(), selection.visible.end(), is_long);
}

void SelectionJobs::Clear() {
  group_count_ = 0;
  for (auto& rows : merges_) rows.clear();
  list_entries_ = 0;
  list_count_ = 0;
  cluster_launches_.clear();
  scan_launches_.clear();
  scan_bytes_ = 0;
  scan_tickets_ = 0;
  general_launches_.clear();
  merge_launches_.clear();
  score_launches_.clear();
}

SelectionJobs::Group& SelectionJobs::GroupFor(const Context& context) {
  const Estimate estimate = static_cast<Estimate>(context.selection.policy.estimator);
  const bool lists = MakesLists(context.selection.policy.grouping);
  for (Group& group : groups()) {
    if (group.store == &context.store && group.estimate == estimate && group.lists == lists) {
      return group;
    }
  }
  if (group_count_ == groups_.size()) groups_.emplace_back();
  Group& begun = groups_[group_count_++];
  begun.store = &context.store;
  begun.estimate = estimate;
  begun.lists = lists;
  begun.units.clear();
  begun.columns.clear();
  begun.host_codes.clear();
  begun.general.clear();
  begun.scores.clear();
  return begun;
}

void SelectionJobs::Add(const Selection& selection, const DeviceQueries& queries, int64_t out,
                        int64_t count, int64_t scores) {
  const auto& store = static_cast<const CudaStore&>(*selection.store);
  const auto& table = static_cast<const CudaPageTable&>(*selection.table);
  const int planes = QueryPlanes(selection.policy.estimator, store.shape().key_bits);
  const Context context{.selection = selection,
                        .store = store,
                        .table = table.entries(),
                        .queries = queries,
                        .out = out,
                        .count = count,
                        .first_entry = list_entries_,
                        .first_list = list_count_,
                        .query_words = CodeWords(store.shape().head_dim, planes)};
  Group& group = GroupFor(context);
  if (selection.policy.grouping == Grouping::kGroupSum) {
    AddSums(context, group);
    return;
  }
  for (int kv_head = 0; kv_head < store.shape().kv_heads; ++kv_head) {
    AddColumns(context, group, kv_head);
  }
  if (group.lists) AddMerges(context);
  if (selection.scores == nullptr) return;
  group.scores.push_back({.table = context.table,
                          .codes = queries.codes,
                          .layer_offset = HeadOffset(store.layout(), selection.layer, 0),
                          .rows = std::ssize(selection.visible) * store.shape().query_heads,
                          .row_width = selection.row_width,
                          .out = out,
                          .count = count,
                          .score = scores});
}

// Columns of one kv head: as many tokens to a unit as fit, wide groups in several units.
void SelectionJobs::AddColumns(const Context& context, Group& group, int kv_head) {
  const int heads = context.store.shape().group_size();
  const int tokens = static_cast<int>(context.selection.visible.size());
  const int tokens_per_unit = std::max(1, kUnitColumns / heads);
  for (int token = 0; token < tokens;) {
    if (context.Visible(token) > tuning_.longest_row) {
      AddLongRows(context, group, kv_head, token++);
      continue;
    }
    int end = token + 1;
    while (end < tokens && end < token + tokens_per_unit &&
           context.Visible(end) <= tuning_.longest_row) {
      ++end;
    }
    for (int first = 0; first < heads; first += kUnitColumns) {
      AddUnit(context, group, kv_head, token, end - token, kv_head * heads + first,
              std::min(kUnitColumns, heads - first));
    }
    token = end;
  }
}

SelectColumn SelectionJobs::MakeColumn(const Context& context, int token, int head) const {
  const Selection& selection = context.selection;
  const int64_t vector = context.Vector(token, head);
  const bool lists = MakesLists(selection.policy.grouping);
  return {.code = context.queries.codes + vector * context.query_words,
          .out = lists ? context.first_entry + vector * Ranked(selection.policy)
                       : context.out + vector * selection.row_width,
          .count = context.count + vector,
          .visible = context.Visible(token),
          .k = selection.policy.k,
          .sinks = selection.policy.sinks,
          .window = selection.policy.window,
          .row_width = static_cast<int32_t>(selection.row_width),
          .best = static_cast<int32_t>(context.first_list + vector)};
}

void SelectionJobs::AddUnit(const Context& context, Group& group, int kv_head, int first_token,
                            int tokens, int first_head, int heads) {
  const Selection& selection = context.selection;
  SelectUnit unit{.table = context.table,
                  .head_offset = HeadOffset(context.store.layout(), selection.layer, kv_head),
                  .first_tile = 0,
                  .end_tile = 0,
                  .first_column = static_cast<int32_t>(group.columns.size()),
                  .columns = tokens * heads,
                  .first_slice = 0,
                  .slices = 0,
                  .sample_stride = 0};
  for (int token = first_token; token < first_token + tokens; ++token) {
    for (int head = first_head; head < first_head + heads; ++head) {
      group.columns.push_back(MakeColumn(context, token, head));
      const std::byte* codes = context.queries.host_codes;
      const int64_t offset = context.Vector(token, head) * context.query_words * 4;
      group.host_codes.push_back(codes == nullptr ? nullptr : codes + offset);
    }
    const int visible = context.Visible(token);
    if (visible <= selection.policy.k || Ranked(selection.policy) == 0) continue;
    const int end = group.lists ? visible : visible - selection.policy.window;
    unit.end_tile = std::max(unit.end_tile, (end + kTileKeys - 1) / kTileKeys);
  }
  if (!group.lists && unit.end_tile > 0) {
    unit.first_tile = selection.policy.sinks / kTileKeys / kRunTiles * kRunTiles;
  }
  group.units.push_back(unit);
}

void SelectionJobs::AddLongRows(const Context& context, Group& group, int kv_head, int token) {
  const int heads = context.store.shape().group_size();
  for (int head = kv_head * heads; head < (kv_head + 1) * heads; ++head) {
    const SelectColumn column = MakeColumn(context, token, head);
    group.general.push_back(
        {.table = context.table,
         .codes = column.code,
         .scales = nullptr,
         .head_offset = HeadOffset(context.store.layout(), context.selection.layer, kv_head),
         .out = column.out,
         .count = column.count,
         .heads = 1,
         .visible = column.visible,
         .k = column.k,
         .sinks = column.sinks,
         .window = column.window,
         .row_width = column.row_width,
         .best = column.best});
  }
}

void SelectionJobs::AddSums(const Context& context, Group& group) {
  const Selection& selection = context.selection;
  const StoreShape& shape = context.store.shape();
  for (int token = 0; token < std::ssize(selection.visible); ++token) {
    for (int kv_head = 0; kv_head < shape.kv_heads; ++kv_head) {
      const int64_t vector = context.Vector(token, kv_head * shape.group_size());
      const int64_t row = int64_t{token} * shape.kv_heads + kv_head;
      group.general.push_back(
          {.table = context.table,
           .codes = context.queries.codes + vector * context.query_words,
           .scales = context.queries.scales == nullptr ? nullptr : context.queries.scales + vector,
           .head_offset = HeadOffset(context.store.layout(), selection.layer, kv_head),
           .out = context.out + row * selection.row_width,
           .count = context.count + row,
           .heads = shape.group_size(),
           .visible = context.Visible(token),
           .k = selection.policy.k,
           .sinks = selection.policy.sinks,
           .window = selection.policy.window,
           .row_width = static_cast<int32_t>(selection.row_width),
           .best = -1});
    }
  }
}

void SelectionJobs::AddMerges(const Context& context) {
  const Selection& selection = context.selection;
  const Policy& policy = selection.policy;
  const StoreShape& shape = context.store.shape();
  const int rows = RowsPerToken(policy.grouping, shape);
  const int heads = shape.query_heads / rows;
  const bool layer = policy.grouping == Grouping::kLayerMax;
  auto& merges = merges_[static_cast<int>(
      policy.grouping == Grouping::kGroupUnion ? MergeKind::kUnion : MergeKind::kMax)];
  for (int token = 0; token < std::ssize(selection.visible); ++token) {
    for (int row = 0; row < rows; ++row) {
      const int64_t vector = context.Vector(token, row * heads);
      const int64_t index = int64_t{token} * rows + row;
      merges.push_back(
          {.scales = context.queries.scales == nullptr ? nullptr : context.queries.scales + vector,
           .key_scales = layer ? context.store.KeyScalesOf(selection.layer) : nullptr,
           .first_list = context.first_entry + vector * Ranked(policy),
           .out = context.out + index * selection.row_width,
           .count = context.count + index,
           .first_best = static_cast<int32_t>(context.first_list + vector),
           .lists = heads,
           .heads_per_key_scale = shape.group_size(),
           .visible = context.Visible(token),
           .k = policy.k,
           .sinks = policy.sinks,
           .window = policy.window,
           .row_width = static_cast<int32_t>(selection.row_width)});
    }
  }
  const int64_t vectors = std::ssize(selection.visible) * shape.query_heads;
  list_entries_ += vectors * Ranked(policy);
  list_count_ += vectors;
}

}  // namespace kvsift::cuda
