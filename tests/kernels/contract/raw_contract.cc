// Raw vectors: keys and queries that a backend encodes itself.
#include <cstdint>
#include <string>

#include "gtest/gtest.h"
#include "tests/kernels/contract/contract.h"
#include "tests/kernels/contract/test_vectors.h"
#include "tests/kernels/contract/twin.h"

namespace kvsift {
namespace {

constexpr ElementType kTypes[] = {ElementType::kFloat16, ElementType::kBfloat16,
                                  ElementType::kFloat32};

class RawContract : public BackendContract {
 protected:
  // Writes raw keys, reads their codes back and asks with raw queries, all in one batch.
  void Compare(const StoreShape& shape, ElementType type, RawKind kind, int64_t length) {
    SCOPED_TRACE(Describe(shape) + " " + std::string(ElementName(type)));
    Random random(static_cast<uint32_t>(shape.head_dim + shape.key_bits));
    Twin twin(factory(), 3);
    twin.AddStore(RandomFormat(random, shape), 64);
    twin.AddSequence(0);
    const int layer = shape.layers - 1;
    const auto keys = RandomRaw(random, shape.head_dim, length * shape.kv_heads, type, kind);
    twin.Write(0, layer, 0, length, keys);
    twin.Read(0, layer, 0, length);
    for (const Estimator estimator : {Estimator::kManhattan, Estimator::kSquaredEuclidean,
                                      Estimator::kDot, Estimator::kAsymmetricDot}) {
      for (const Grouping grouping : {Grouping::kHead, Grouping::kGroupMax, Grouping::kGroupSum,
                                      Grouping::kGroupUnion, Grouping::kLayerMax}) {
        const auto queries = RandomRaw(random, shape.head_dim, 2 * shape.query_heads, type, kind);
        twin.Select({.layer = layer,
                     .policy = {.k = 9, .estimator = estimator, .grouping = grouping},
                     .queries = queries,
                     .visible = {length - 1, length}});
      }
    }
    twin.Run();
  }
};

TEST_P(RawContract, EveryElementTypeHeadDimAndKeyBitsEncodeTheSame) {
  for (const int head_dim : {1, 2, 31, 32, 33, 64, 80, 96, 127, 128, 200, 256}) {
    for (const int bits : {1, 2, 3}) {
      for (const ElementType type : kTypes) {
        const StoreShape shape{
            .layers = 2, .kv_heads = 2, .query_heads = 4, .head_dim = head_dim, .key_bits = bits};
        Compare(shape, type, RawKind::kOrdinary, 67);
      }
    }
  }
}

// The edge refuses such input; below it nothing may crash and the bytes are still defined.
TEST_P(RawContract, NanAndInfinitiesEncodeTheSame) {
  for (const int head_dim : {1, 32, 80, 128, 256}) {
    for (const int bits : {1, 2, 3}) {
      for (const ElementType type : kTypes) {
        const StoreShape shape{
            .layers = 1, .kv_heads = 3, .query_heads = 6, .head_dim = head_dim, .key_bits = bits};
        Compare(shape, type, RawKind::kHostile, 83);
      }
    }
  }
}

TEST_P(RawContract, ZeroAndTinyVectorsEncodeTheSame) {
  for (const int bits : {1, 2, 3}) {
    const StoreShape shape{
        .layers = 1, .kv_heads = 1, .query_heads = 2, .head_dim = 64, .key_bits = bits};
    Random random(5);
    Twin twin(factory(), 5);
    twin.AddStore(RandomFormat(random, shape), 64);
    twin.AddSequence(0);
    TestVectors zero{
        .bytes = std::vector<std::byte>(20 * 64 * 4), .raw = ElementType::kFloat32, .scales = {}};
    TestVectors tiny = zero;  // the smallest subnormals, of both signs
    for (size_t i = 0; i < tiny.bytes.size(); i += 4) {
      tiny.bytes[i] = std::byte{1};
      if (random() % 2 == 0) tiny.bytes[i + 3] = std::byte{0x80};
    }
    twin.Write(0, 0, 0, 20, zero);
    twin.Write(0, 0, 20, 20, tiny);
    twin.Read(0, 0, 0, 40);
    for (TestVectors queries : {zero, tiny}) {
      queries.bytes.resize(2 * 64 * 4);
      for (const Estimator estimator : {Estimator::kManhattan, Estimator::kAsymmetricDot}) {
        for (const Grouping grouping : {Grouping::kHead, Grouping::kGroupMax}) {
          twin.Select({.policy = {.k = 5, .estimator = estimator, .grouping = grouping},
                       .queries = queries,
                       .visible = {40}});
        }
      }
    }
    twin.Run();
  }
}

INSTANTIATE_TEST_SUITE_P(Contract, RawContract, testing::ValuesIn(ContractIndices()), ContractName);

}  // namespace
}  // namespace kvsift
