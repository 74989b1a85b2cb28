// Runs one script on the backend under test and on another, and demands equal bytes.
#ifndef KVSIFT_TESTS_KERNELS_CONTRACT_TWIN_H_
#define KVSIFT_TESTS_KERNELS_CONTRACT_TWIN_H_

#include <cstdint>
#include <memory>
#include <string>

#include "tests/kernels/contract/backend_harness.h"
#include "tests/kernels/contract/contract.h"
#include "tests/kernels/contract/test_vectors.h"

namespace kvsift {

// Expects that both succeeded and hold the same bytes; says where they differ first.
void ExpectSameOutcome(const Outcome& got, const Outcome& want);

// For SCOPED_TRACE: "asymmetric_dot group_max k=5 sinks=1 window=2".
std::string Describe(const Policy& policy);
// "layers=1 kv_heads=2 query_heads=6 head_dim=80 bits=3".
std::string Describe(const StoreShape& shape);

// The same calls as BackendHarness.
class Twin {
 public:
  // One batch on both sides.
  struct InFlight {
    std::unique_ptr<PendingBatch> tested;
    std::unique_ptr<PendingBatch> reference;
  };

  // Against the reference backend. Pages lie in the same shuffled order on both sides.
  Twin(const BackendFactory& factory, uint32_t seed);

  // `reference` defines what is right. Pages lie in an order of their own on each side.
  Twin(std::unique_ptr<Backend> tested, std::unique_ptr<Backend> reference, uint32_t seed);

  int AddStore(const StoreFormat& format, int page_positions);
  int AddSequence(int store);
  void Write(int sequence, int layer, int64_t start, int64_t count, const TestVectors& keys);
  void Read(int sequence, int layer, int64_t start, int64_t count);
  void Select(const SelectionRequest& request);
  void Fork(int parent, int child, int64_t length);
  void Truncate(int sequence, int64_t length);

  // Submits what was collected to both, compares, and returns what the backend under test gave.
  Outcome Run() { return Finish(Start()); }

  // The halves of Run, for several batches at once that do not conflict.
  InFlight Start();
  static Outcome Finish(InFlight batch);

 private:
  BackendHarness tested_;
  BackendHarness reference_;
};

}  // namespace kvsift

#endif  // KVSIFT_TESTS_KERNELS_CONTRACT_TWIN_H_
