#include "client/trace/trace.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/client/safetensors_writer.h"
#include "tests/test_files.h"

namespace kvsift::trace {
namespace {

using testing::AllOf;
using testing::HasSubstr;

// A trace of 2 tokens, 1 kv head, 2 query heads of dimension 2, float32, 1 query at position 1.
struct Parts {
  std::string metadata = "\"__metadata__\":{\"kv_heads\":\"1\",\"model\":\"tiny\"}";
  std::string ids = Entry("token_ids", "I32", "[2]", 0, 8);
  std::string positions = Entry("query_positions", "I32", "[1]", 8, 12);
  std::string keys = Entry("layers.3.keys", "F32", "[1,2,2]", 12, 28);
  std::string queries = Entry("layers.3.queries", "F32", "[2,1,2]", 28, 44);
  std::vector<int32_t> data = {5, 6, 1, 0x3f800000, 0, 0, 0x40000000, 0, 0, 0, 0};

  absl::StatusOr<Trace> Open() const {
    const std::string json =
        "{" + metadata + "," + ids + "," + positions + "," + keys + "," + queries + "}";
    return Trace::Open(WriteTestFile(File(json, Ints(data))));
  }

  // What is said when it is refused.
  std::string Refusal() const {
    const auto trace = Open();
    EXPECT_EQ(trace.status().code(), absl::StatusCode::kInvalidArgument) << trace.status();
    return std::string(trace.status().message());
  }
};

TEST(Trace, ReadsATrace) {
  const auto trace = Parts().Open();
  ASSERT_TRUE(trace.ok()) << trace.status();
  EXPECT_EQ(trace->tokens(), 2);
  EXPECT_EQ(trace->kv_heads(), 1);
  EXPECT_EQ(trace->query_heads(), 2);
  EXPECT_EQ(trace->head_dim(), 2);
  EXPECT_EQ(trace->query_positions()[0], 1);
  EXPECT_EQ(trace->token_ids()[1], 6);
  EXPECT_EQ(trace->Remark("model"), "tiny");
  EXPECT_EQ(trace->Remark("text"), "");
  const TraceVectors& keys = trace->layers().at(3).keys;
  EXPECT_EQ(LoadElement(keys.Of(0, 1, 1).data() + 4, keys.type), 2.0f);
  EXPECT_FALSE(trace->layers().at(3).values.has_value());
}

TEST(Trace, MissingTensorsAreNamed) {
  Parts parts;
  parts.ids = Entry("token", "I32", "[2]", 0, 8);
  EXPECT_THAT(parts.Refusal(), AllOf(HasSubstr("\"token_ids\""), HasSubstr("missing")));
  parts = {};
  parts.queries = Entry("layers.4.queries", "F32", "[2,1,2]", 28, 44);
  EXPECT_THAT(parts.Refusal(), AllOf(HasSubstr("\"layers.3.queries\""), HasSubstr("missing")));
  parts = {};
  parts.keys = Entry("other", "F32", "[1,2,2]", 12, 28);
  EXPECT_THAT(parts.Refusal(), HasSubstr("layers.L.keys"));
}

TEST(Trace, ShapesThatDisagreeAreNamed) {
  Parts parts;
  parts.keys = Entry("layers.3.keys", "F32", "[1,1,4]", 12, 28);
  EXPECT_THAT(parts.Refusal(), AllOf(HasSubstr("\"layers.3.keys\""), HasSubstr("[1, 1, 4]")));
  parts = {};
  parts.queries = Entry("layers.3.queries", "F32", "[1,2,2]", 28, 44);
  EXPECT_THAT(parts.Refusal(), HasSubstr("\"layers.3.queries\""));
  parts = {};
  parts.queries = Entry("layers.3.queries", "F32", "[4]", 28, 44);
  EXPECT_THAT(parts.Refusal(), HasSubstr("expected 3"));
}

TEST(Trace, HeadsThatDoNotDivideAreRefused) {
  Parts parts;
  parts.keys = Entry("layers.3.keys", "F32", "[2,2,1]", 12, 28);
  parts.queries = Entry("layers.3.queries", "F32", "[1,1,4]", 28, 44);
  EXPECT_THAT(parts.Refusal(), HasSubstr("no attention shape"));
}

TEST(Trace, PositionsOutsideTheTokensAreRefused) {
  Parts parts;
  parts.data[2] = 2;
  EXPECT_THAT(parts.Refusal(), AllOf(HasSubstr("\"query_positions\""), HasSubstr("2 after -1")));
  parts.data[2] = -1;
  EXPECT_THAT(parts.Refusal(), HasSubstr("\"query_positions\""));
}

TEST(Trace, ElementsThatAreNotFiniteAreRefused) {
  Parts parts;
  parts.data[4] = 0x7fc00000;  // NaN
  EXPECT_THAT(parts.Refusal(), AllOf(HasSubstr("\"layers.3.keys\""), HasSubstr("element 1")));
}

TEST(Trace, OtherTypesAreRefused) {
  Parts parts;
  parts.keys = Entry("layers.3.keys", "I32", "[1,2,2]", 12, 28);
  EXPECT_THAT(parts.Refusal(), HasSubstr("expected F16, BF16 or F32"));
  parts = {};
  parts.ids = Entry("token_ids", "F32", "[2]", 0, 8);
  EXPECT_THAT(parts.Refusal(), HasSubstr("expected a list of I32"));
}

TEST(Trace, LayerNamesThatAreNoNumbersAreRefused) {
  for (const char* name :
       {"layers.x.keys", "layers.-1.keys", "layers.65536.keys", "layers.03.keys", "layers..keys"}) {
    Parts parts;
    parts.keys = Entry(name, "F32", "[1,2,2]", 12, 28);
    EXPECT_THAT(parts.Refusal(), AllOf(HasSubstr(name), HasSubstr("0 to 65535")));
  }
}

TEST(Trace, MetadataThatContradictsTheTensorsIsRefused) {
  Parts parts;
  parts.metadata = "\"__metadata__\":{\"kv_heads\":\"3\"}";
  EXPECT_THAT(parts.Refusal(), AllOf(HasSubstr("kv_heads"), HasSubstr("1")));
}

TEST(Trace, KeysByPositionPutsHeadsSideBySide) {
  const std::vector<float> elements = {1, 2, 3, 4};  // [2 heads, 2 tokens, 1]
  const TraceVectors keys = {ElementType::kFloat32, 2, 2, 1, std::as_bytes(std::span(elements))};
  const std::vector<std::byte> bytes = KeysByPosition(keys, 2);
  std::vector<float> out;
  for (int i = 0; i < 4; ++i) out.push_back(LoadElement(&bytes[4 * i], ElementType::kFloat32));
  EXPECT_THAT(out, testing::ElementsAre(1, 3, 2, 4));
}

TEST(Trace, TheCommittedTraceIsWhatItsReadmeSays) {
  const auto trace = Trace::Open(TestData("traces/war-and-peace-layer-14.safetensors"));
  ASSERT_TRUE(trace.ok()) << trace.status();
  EXPECT_EQ(trace->tokens(), 8192);
  EXPECT_EQ(trace->kv_heads(), 3);
  EXPECT_EQ(trace->query_heads(), 9);
  EXPECT_EQ(trace->head_dim(), 64);
  EXPECT_EQ(trace->query_positions().size(), 64u);
  EXPECT_EQ(trace->query_positions().front(), 4127);
  EXPECT_EQ(trace->query_positions().back(), 8159);
  EXPECT_EQ(trace->layers().size(), 1u);
  EXPECT_EQ(trace->Remark("license"), "Apache-2.0");
}

}  // namespace
}  // namespace kvsift::trace
