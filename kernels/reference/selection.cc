#include "kernels/reference/selection.h"

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <vector>

#include "kernels/encode/portable_encode.h"
#include "kernels/encode/wire_codes.h"
#include "kernels/estimate/score.h"
#include "kernels/select/token_lists.h"

namespace kvsift {
namespace {

using Code = std::vector<int8_t>;  // unpacked, [D]

// Query codes [tokens * query_heads] with their scales, which are empty where there are none.
struct Queries {
  std::vector<Code> codes;
  std::vector<float> scales;
};

Queries UnpackQueries(const Selection& selection, const StoreShape& shape) {
  const Estimator estimator = selection.policy.estimator;
  const size_t vectors = selection.visible.size() * static_cast<size_t>(shape.query_heads);
  const int planes = QueryPlanes(estimator, shape.key_bits);
  const size_t code_bytes = static_cast<size_t>(CodeBytes(shape.head_dim, planes));
  Queries queries;
  queries.scales.assign(selection.query_scales.begin(), selection.query_scales.end());
  std::vector<std::byte> packed(selection.queries.bytes.begin(), selection.queries.bytes.end());
  if (selection.queries.raw) {
    packed.resize(vectors * code_bytes);
    queries.scales.resize(HasQueryScales(estimator) ? vectors : 0);
    EncodeQueriesPortably(shape.head_dim, shape.key_bits, estimator, *selection.queries.raw,
                          static_cast<int64_t>(vectors), selection.queries.bytes, packed,
                          queries.scales);
  }
  for (size_t v = 0; v < vectors; ++v) {
    Code code(static_cast<size_t>(shape.padded_dim()));
    if (HasQueryScales(estimator)) {
      UnpackSignedPlanes(&packed[v * code_bytes], code);
    } else {
      UnpackPlanes(&packed[v * code_bytes], planes, code);
    }
    queries.codes.push_back(std::move(code));
  }
  return queries;
}

// Codes of positions [0, length) for each kv head: [kv_heads][length].
std::vector<std::vector<Code>> UnpackKeys(const KeyPages& keys, const StoreShape& shape,
                                          int64_t length) {
  std::vector<std::vector<Code>> unpacked(static_cast<size_t>(shape.kv_heads));
  for (int kv_head = 0; kv_head < shape.kv_heads; ++kv_head) {
    for (int64_t position = 0; position < length; ++position) {
      Code code(static_cast<size_t>(shape.padded_dim()));
      UnpackPlanes(keys.Code(position, kv_head).data(), shape.key_bits, code);
      unpacked[static_cast<size_t>(kv_head)].push_back(std::move(code));
    }
  }
  return unpacked;
}

// Writes one answer row: the list, then padding; scores of head `scores` beside it if asked for.
void WriteRow(const Selection& selection, int64_t row, std::span<const int32_t> list,
              std::span<const int32_t> scores) {
  assert(std::ssize(list) <= selection.row_width);
  int32_t* positions = selection.positions + row * selection.row_width;
  std::fill_n(positions, selection.row_width, -1);
  std::copy(list.begin(), list.end(), positions);
  selection.counts[row] = static_cast<int32_t>(list.size());
  if (selection.scores == nullptr) return;
  int32_t* row_scores = selection.scores + row * selection.row_width;
  std::fill_n(row_scores, selection.row_width, 0);
  for (size_t i = 0; i < list.size(); ++i) row_scores[i] = scores[static_cast<size_t>(list[i])];
}

}  // namespace

void SelectByReference(const Selection& selection, const StoreFormat& format,
                       const KeyPages& keys) {
  if (selection.visible.empty()) return;
  const StoreShape& shape = format.shape;
  const Policy& policy = selection.policy;
  const size_t heads = static_cast<size_t>(shape.query_heads);
  const size_t group = static_cast<size_t>(shape.group_size());
  const Queries queries = UnpackQueries(selection, shape);
  const auto longest = *std::max_element(selection.visible.begin(), selection.visible.end());
  const auto key_codes = UnpackKeys(keys, shape, longest);
  int64_t row = 0;
  for (size_t token = 0; token < selection.visible.size(); ++token) {
    std::vector<std::vector<int32_t>> scores(heads);
    for (size_t h = 0; h < heads; ++h) {
      for (int64_t p = 0; p < selection.visible[token]; ++p) {
        scores[h].push_back(ScoreCodes(policy.estimator, shape.key_bits,
                                       queries.codes[token * heads + h],
                                       key_codes[h / group][static_cast<size_t>(p)]));
      }
    }
    TokenScores token_scores{
        .scores = scores, .query_scales = {}, .key_scales = format.KeyScalesOf(selection.layer)};
    if (HasQueryScales(policy.estimator)) {
      token_scores.query_scales = std::span(queries.scales).subspan(token * heads, heads);
    }
    const auto lists = SelectTokenLists(policy, shape, token_scores);
    for (size_t i = 0; i < lists.size(); ++i, ++row) WriteRow(selection, row, lists[i], scores[i]);
  }
}

}  // namespace kvsift
