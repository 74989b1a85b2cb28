#include "tests/kernels/contract/twin.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "kernels/reference/reference_backend.h"

namespace kvsift {
namespace {

std::unique_ptr<Backend> MakeReference() {
  return CreateReferenceBackend(*ReservePageMemory(kTestMemoryBytes));
}

template <typename T>
void ExpectSameValues(const char* what, size_t index, const std::vector<T>& got,
                      const std::vector<T>& want) {
  ASSERT_EQ(got.size(), want.size()) << what << " of operation " << index;
  const auto [a, b] = std::mismatch(got.begin(), got.end(), want.begin());
  if (a == got.end()) return;
  ADD_FAILURE() << what << " of operation " << index << " differ at " << a - got.begin() << " of "
                << got.size() << ": got " << static_cast<int>(*a) << ", want "
                << static_cast<int>(*b);
}

}  // namespace

void ExpectSameOutcome(const Outcome& got, const Outcome& want) {
  ASSERT_TRUE(got.status.ok()) << got.status;
  ASSERT_TRUE(want.status.ok()) << want.status;
  ASSERT_EQ(got.reads.size(), want.reads.size());
  ASSERT_EQ(got.answers.size(), want.answers.size());
  for (size_t i = 0; i < got.reads.size(); ++i) {
    ExpectSameValues("codes", i, got.reads[i], want.reads[i]);
  }
  for (size_t i = 0; i < got.answers.size(); ++i) {
    ExpectSameValues("counts", i, got.answers[i].counts, want.answers[i].counts);
    ExpectSameValues("positions", i, got.answers[i].positions, want.answers[i].positions);
    ExpectSameValues("scores", i, got.answers[i].scores, want.answers[i].scores);
  }
}

std::string Describe(const Policy& policy) {
  return absl::StrCat(std::string(EstimatorName(policy.estimator)), " ",
                      std::string(GroupingName(policy.grouping)), " k=", policy.k,
                      " sinks=", policy.sinks, " window=", policy.window);
}

std::string Describe(const StoreShape& shape) {
  return absl::StrCat("layers=", shape.layers, " kv_heads=", shape.kv_heads,
                      " query_heads=", shape.query_heads, " head_dim=", shape.head_dim,
                      " bits=", shape.key_bits);
}

Twin::Twin(const BackendFactory& factory, uint32_t seed)
    : tested_(factory.create(kTestMemoryBytes), seed), reference_(MakeReference(), seed) {}

Twin::Twin(std::unique_ptr<Backend> tested, std::unique_ptr<Backend> reference, uint32_t seed)
    : tested_(std::move(tested), seed), reference_(std::move(reference), seed + 1) {}

int Twin::AddStore(const StoreFormat& format, int page_positions) {
  reference_.AddStore(format, page_positions);
  return tested_.AddStore(format, page_positions);
}

int Twin::AddSequence(int store) {
  reference_.AddSequence(store);
  return tested_.AddSequence(store);
}

void Twin::Write(int sequence, int layer, int64_t start, int64_t count, const TestVectors& keys) {
  tested_.Write(sequence, layer, start, count, keys);
  reference_.Write(sequence, layer, start, count, keys);
}

void Twin::Read(int sequence, int layer, int64_t start, int64_t count) {
  tested_.Read(sequence, layer, start, count);
  reference_.Read(sequence, layer, start, count);
}

void Twin::Select(const SelectionRequest& request) {
  tested_.Select(request);
  reference_.Select(request);
}

void Twin::Fork(int parent, int child, int64_t length) {
  tested_.Fork(parent, child, length);
  reference_.Fork(parent, child, length);
}

void Twin::Truncate(int sequence, int64_t length) {
  tested_.Truncate(sequence, length);
  reference_.Truncate(sequence, length);
}

Twin::InFlight Twin::Start() {
  auto tested = tested_.Start();
  return {std::move(tested), reference_.Start()};
}

Outcome Twin::Finish(InFlight batch) {
  const Outcome want = batch.reference->Wait();
  Outcome got = batch.tested->Wait();
  ExpectSameOutcome(got, want);
  return got;
}

}  // namespace kvsift
