// The literal cases, through the Backend interface.
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "kernels/format/quantizer.h"
#include "tests/kernels/contract/backend_harness.h"
#include "tests/kernels/contract/contract.h"
#include "tests/kernels/golden/golden_cases.h"
#include "tests/test_files.h"

namespace kvsift {
namespace {

class GoldenContract : public BackendContract {};

TEST_P(GoldenContract, SelectionsGiveTheLiteralAnswers) {
  const auto cases = ReadGoldenSelections(TestData("golden"));
  ASSERT_EQ(cases.size(), 138u);
  for (const GoldenSelection& golden : cases) {
    SCOPED_TRACE(golden.name);
    BackendHarness harness(factory().create(kTestMemoryBytes), 1);
    harness.AddStore(MakeStoreFormat(golden.shape, golden.key_scales), 64);
    harness.AddSequence(0);
    harness.Write(0, 0, 0, golden.length,
                  {.bytes = golden.keys, .raw = std::nullopt, .scales = {}});
    harness.Read(0, 0, 0, golden.length);
    harness.Select(
        {.policy = golden.policy,
         .queries = {.bytes = golden.queries, .raw = std::nullopt, .scales = golden.query_scales},
         .visible = golden.visible});
    const Outcome outcome = harness.Run();
    ASSERT_TRUE(outcome.status.ok()) << outcome.status;
    EXPECT_EQ(outcome.reads[0], golden.keys);
    EXPECT_EQ(outcome.answers[0].positions, golden.positions);
    EXPECT_EQ(outcome.answers[0].counts, golden.counts);
    EXPECT_EQ(outcome.answers[0].scores, golden.scores);
  }
}

TEST_P(GoldenContract, RawKeysBecomeTheLiteralCodes) {
  const auto cases = ReadGoldenEncodings(TestData("golden"));
  ASSERT_EQ(cases.size(), 58u);
  for (const GoldenEncoding& golden : cases) {
    for (int bits = 1; bits <= kMaxKeyBits; ++bits) {
      SCOPED_TRACE(golden.kind + " bits " + std::to_string(bits));
      const StoreShape shape{.layers = 1,
                             .kv_heads = 1,
                             .query_heads = 1,
                             .head_dim = golden.head_dim,
                             .key_bits = bits};
      BackendHarness harness(factory().create(kTestMemoryBytes), 1);
      harness.AddStore(MakeStoreFormat(shape, {golden.key_scale}), 64);
      harness.AddSequence(0);
      harness.Write(0, 0, 0, 1,
                    {.bytes = golden.elements, .raw = ElementType::kFloat32, .scales = {}});
      harness.Read(0, 0, 0, 1);
      EXPECT_EQ(harness.Run().reads[0], golden.key[static_cast<size_t>(bits - 1)]);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Contract, GoldenContract, testing::ValuesIn(ContractIndices()),
                         ContractName);

}  // namespace
}  // namespace kvsift
