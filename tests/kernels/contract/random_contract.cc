// Random scripts of writes, rewrites, forks, truncations, reads and selections on random shapes.
#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "tests/kernels/contract/contract.h"
#include "tests/kernels/contract/test_vectors.h"
#include "tests/kernels/contract/twin.h"

namespace kvsift {
namespace {

StoreShape RandomShape(Random& random) {
  constexpr int kHeadDims[] = {1, 17, 32, 64, 80, 96, 128, 192, 256};
  const int kv_heads = static_cast<int>(1 + Below(random, 4));
  return {.layers = static_cast<int>(1 + Below(random, 3)),
          .kv_heads = kv_heads,
          .query_heads = kv_heads * static_cast<int>(1 + Below(random, 16)),
          .head_dim = kHeadDims[Below(random, std::ssize(kHeadDims))],
          .key_bits = static_cast<int>(1 + Below(random, 3))};
}

ElementType RandomType(Random& random) { return static_cast<ElementType>(Below(random, 3)); }

RawKind RandomKind(Random& random) {
  return Below(random, 3) == 0 ? RawKind::kHostile : RawKind::kOrdinary;
}

// One store and a few sequences of which the first may have forks; forks are never parents, and
// a sequence with forks is only appended to, so that no shared page is written.
class Script {
 public:
  Script(const BackendFactory& factory, uint32_t seed)
      : random_(seed), shape_(RandomShape(random_)), twin_(factory, seed) {
    const int page_positions = 16 << Below(random_, 4);
    twin_.AddStore(RandomFormat(random_, shape_), page_positions);
    for (int i = 0; i < 3; ++i) AddSequence();
  }

  const StoreShape& shape() const { return shape_; }

  // A batch of a few operations; the batch changes a sequence or reads it, as the engine's do.
  void RunBatch() {
    const size_t sequence = static_cast<size_t>(Below(random_, std::ssize(lengths_)));
    if (Below(random_, 6) == 0 && !parent_[sequence]) Truncate(sequence);
    if (Below(random_, 8) == 0) Fork();
    if (lengths_[sequence] == 0 || Below(random_, 2) == 0) Write(sequence);
    const int operations = static_cast<int>(1 + Below(random_, 3));
    for (int i = 0; i < operations; ++i) Select(sequence);
    const int64_t length = lengths_[sequence];
    const int64_t start = Below(random_, length);
    twin_.Read(static_cast<int>(sequence), RandomLayer(), start,
               1 + Below(random_, length - start));
    twin_.Run();
  }

 private:
  void AddSequence() {
    twin_.AddSequence(0);
    lengths_.push_back(0);
    parent_.push_back(false);
  }

  int RandomLayer() { return static_cast<int>(Below(random_, shape_.layers)); }

  // Appends to every layer; sequences without forks may start before their end.
  void Write(size_t sequence) {
    int64_t& length = lengths_[sequence];
    const bool rewrite = length > 0 && !parent_[sequence] && Below(random_, 3) == 0;
    const int64_t start =
        rewrite ? std::max(owned_from_[sequence], Below(random_, length)) : length;
    const int64_t count = 1 + Below(random_, Below(random_, 3) == 0 ? 200 : 20);
    for (int layer = 0; layer < shape_.layers; ++layer) {
      const bool raw = Below(random_, 2) == 0;
      twin_.Write(static_cast<int>(sequence), layer, start, count,
                  raw ? RandomRaw(random_, shape_.head_dim, count * shape_.kv_heads,
                                  RandomType(random_), RandomKind(random_))
                      : RandomKeyCodes(random_, shape_, count));
    }
    length = std::max(length, start + count);
  }

  void Truncate(size_t sequence) {
    lengths_[sequence] = Below(random_, lengths_[sequence] + 1);
    lengths_[sequence] = std::max(lengths_[sequence], owned_from_[sequence]);
    twin_.Truncate(static_cast<int>(sequence), lengths_[sequence]);
  }

  // Forks sequence 0 as it was before this batch.
  void Fork() {
    if (lengths_[0] == 0 || lengths_.size() > 8) return;
    const int64_t at = 1 + Below(random_, lengths_[0]);
    AddSequence();
    twin_.Fork(0, static_cast<int>(lengths_.size()) - 1, at);
    lengths_.back() = at;
    owned_from_[lengths_.size() - 1] = at;
    parent_[0] = true;
  }

  void Select(size_t sequence) {
    const int64_t length = lengths_[sequence];
    Policy policy{.k = static_cast<int32_t>(1 + Below(random_, Below(random_, 2) ? 20 : 300)),
                  .estimator = static_cast<Estimator>(Below(random_, 4)),
                  .grouping = static_cast<Grouping>(Below(random_, 5))};
    policy.sinks = static_cast<int32_t>(Below(random_, policy.k + 1));
    policy.window = static_cast<int32_t>(Below(random_, policy.k - policy.sinks + 1));
    const int64_t tokens = 1 + Below(random_, 4);
    std::vector<int64_t> visible;
    for (int64_t t = 0; t < tokens; ++t) visible.push_back(Below(random_, length + 1));
    const bool raw = Below(random_, 2) == 0;
    twin_.Select({.sequence = static_cast<int>(sequence),
                  .layer = RandomLayer(),
                  .policy = policy,
                  .queries = raw ? RandomRaw(random_, shape_.head_dim, tokens * shape_.query_heads,
                                             RandomType(random_), RandomKind(random_))
                                 : RandomQueryCodes(random_, shape_, policy.estimator, tokens),
                  .visible = std::move(visible),
                  .extra_width = Below(random_, 2) * Below(random_, 40)});
  }

  static constexpr size_t kMaxSequences = 16;

  Random random_;
  StoreShape shape_;
  Twin twin_;
  std::vector<int64_t> lengths_;
  std::vector<bool> parent_;
  int64_t owned_from_[kMaxSequences] = {};  // first position that a fork may rewrite
};

class RandomContract : public BackendContract {};

TEST_P(RandomContract, RandomScriptsGiveTheReferencesBytes) {
  const int64_t first = CurrentContract().first_case;
  for (int64_t seed = first; seed < first + CurrentContract().random_cases; ++seed) {
    Script script(factory(), static_cast<uint32_t>(seed));
    SCOPED_TRACE("--first-case " + std::to_string(seed) + ": " + Describe(script.shape()));
    for (int i = 0; i < 12; ++i) script.RunBatch();
    if (HasFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(Contract, RandomContract, testing::ValuesIn(ContractIndices()),
                         ContractName);

}  // namespace
}  // namespace kvsift
