// The literal selections through the wire, in both layouts, on every backend that runs here.
#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "tests/end_to_end/refusal.h"
#include "tests/end_to_end/requests.h"
#include "tests/end_to_end/test_server.h"
#include "tests/kernels/backends_under_test.h"
#include "tests/kernels/golden/golden_cases.h"
#include "tests/test_files.h"

namespace kvsift {
namespace {

using Stub = v1::SelectionService::Stub;

std::string Text(const std::vector<std::byte>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

v1::Estimator Wire(Estimator estimator) {
  switch (estimator) {
    case Estimator::kManhattan:
      return v1::ESTIMATOR_MANHATTAN;
    case Estimator::kSquaredEuclidean:
      return v1::ESTIMATOR_SQUARED_EUCLIDEAN;
    case Estimator::kDot:
      return v1::ESTIMATOR_DOT;
    case Estimator::kAsymmetricDot:
      return v1::ESTIMATOR_ASYMMETRIC_DOT;
  }
  return v1::ESTIMATOR_UNSPECIFIED;
}

v1::Grouping Wire(Grouping grouping) {
  switch (grouping) {
    case Grouping::kHead:
      return v1::GROUPING_HEAD;
    case Grouping::kGroupMax:
      return v1::GROUPING_GROUP_MAX;
    case Grouping::kGroupSum:
      return v1::GROUPING_GROUP_SUM;
    case Grouping::kGroupUnion:
      return v1::GROUPING_GROUP_UNION;
    case Grouping::kLayerMax:
      return v1::GROUPING_LAYER_MAX;
  }
  return v1::GROUPING_UNSPECIFIED;
}

class GoldenTest : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    ServerOptions options;
    options.backend = GetParam();
    options.threads = 2;
    server_.emplace(options, Transport::kUnix);
  }

  // A store of one layer that holds the keys of `golden` as sequence 1.
  void Fill(const GoldenSelection& golden) {
    v1::CreateStoreRequest create;
    v1::StoreConfig& config = *create.mutable_config();
    config.set_name("golden");
    config.add_layer_ids(0);
    config.set_kv_heads(golden.shape.kv_heads);
    config.set_query_heads(golden.shape.query_heads);
    config.set_head_dim(golden.shape.head_dim);
    config.set_key_bits(golden.shape.key_bits);
    config.mutable_key_scales()->Add(golden.key_scales.begin(), golden.key_scales.end());
    ASSERT_TRUE(Send(server_->stub(), &Stub::CreateStore, create).status.ok());
    v1::AppendKeysRequest append;
    append.set_store("golden");
    v1::KeyBatch& keys = *append.mutable_keys();
    keys.add_layer_ids(0);
    keys.add_sequence_ids(1);
    keys.add_starts(0);
    keys.add_counts(golden.length);
    keys.set_keys(Text(golden.keys));
    const Outcome appended = Send(server_->stub(), &Stub::AppendKeys, append);
    ASSERT_TRUE(appended.status.ok()) << appended.status.error_message();
    ASSERT_TRUE(appended.entry_errors.empty());
  }

  v1::Answer Select(const GoldenSelection& golden, v1::AnswerLayout layout) {
    v1::SelectRequest request;
    request.set_store("golden");
    request.add_sequence_ids(1);
    v1::QueryBatch& queries = *request.mutable_queries();
    queries.add_counts(std::ssize(golden.visible));
    v1::Policy& policy = *queries.add_policies();
    policy.set_k(golden.policy.k);
    policy.set_estimator(Wire(golden.policy.estimator));
    policy.set_grouping(Wire(golden.policy.grouping));
    policy.set_sinks(golden.policy.sinks);
    policy.set_window(golden.policy.window);
    queries.mutable_visible_lengths()->Add(golden.visible.begin(), golden.visible.end());
    queries.set_queries(Text(golden.queries));
    queries.mutable_query_scales()->Add(golden.query_scales.begin(), golden.query_scales.end());
    queries.set_layout(layout);
    queries.set_want_scores(!golden.scores.empty());
    grpc::ClientContext context;
    v1::SelectResponse response;
    const grpc::Status status = server_->stub().Select(&context, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    EXPECT_EQ(response.entry_errors_size(), 0);
    return response.answer();
  }

  void Clear() {
    v1::DeleteStoreRequest request;
    request.set_name("golden");
    ASSERT_TRUE(Send(server_->stub(), &Stub::DeleteStore, request).status.ok());
  }

  std::optional<TestServer> server_;
};

// `padded` rows without their padding.
std::vector<int32_t> Packed(const std::vector<int32_t>& padded, const GoldenSelection& golden) {
  std::vector<int32_t> packed;
  for (size_t row = 0; row < golden.counts.size(); ++row) {
    const auto first = padded.begin() + static_cast<int64_t>(row) * golden.width;
    packed.insert(packed.end(), first, first + golden.counts[row]);
  }
  return packed;
}

std::vector<int32_t> Offsets(const std::vector<int32_t>& counts) {
  std::vector<int32_t> offsets = {0};
  for (const int32_t count : counts) offsets.push_back(offsets.back() + count);
  return offsets;
}

TEST_P(GoldenTest, LiteralSelectionsComeBackInBothLayouts) {
  const auto all = ReadGoldenSelections(TestData("golden"));
  ASSERT_EQ(all.size(), 138u);
  for (const GoldenSelection& golden : all) {
    SCOPED_TRACE(golden.name);
    Fill(golden);
    const v1::Answer padded = Select(golden, v1::ANSWER_LAYOUT_PADDED);
    EXPECT_EQ(padded.width(), golden.width);
    EXPECT_EQ(Ints(padded.counts()), golden.counts);
    EXPECT_EQ(Ints(padded.positions()), golden.positions);
    EXPECT_EQ(Ints(padded.scores()), golden.scores);
    EXPECT_TRUE(padded.offsets().empty());
    const v1::Answer packed = Select(golden, v1::ANSWER_LAYOUT_PACKED);
    EXPECT_EQ(packed.width(), 0);
    EXPECT_EQ(Ints(packed.counts()), golden.counts);
    EXPECT_EQ(Ints(packed.offsets()), Offsets(golden.counts));
    EXPECT_EQ(Ints(packed.positions()), Packed(golden.positions, golden));
    if (!golden.scores.empty()) {
      EXPECT_EQ(Ints(packed.scores()), Packed(golden.scores, golden));
    }
    Clear();
  }
}

INSTANTIATE_TEST_SUITE_P(Backends, GoldenTest, testing::ValuesIn(BackendsUnderTest()),
                         [](const auto& of) { return of.param; });

}  // namespace
}  // namespace kvsift
