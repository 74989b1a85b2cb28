// One random history of stores and sequences on two backends at once.
#ifndef KVSIFT_TESTS_GPU_DIFFERENTIAL_CASE_H_
#define KVSIFT_TESTS_GPU_DIFFERENTIAL_CASE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "kernels/backend.h"
#include "tests/gpu/random_load.h"
#include "tests/kernels/contract/twin.h"

namespace kvsift {

// How much was compared; of a run that compared nothing, equality says nothing.
struct DifferentialCounts {
  int64_t batches = 0;
  int64_t selections = 0;
  int64_t rows = 0;
  int64_t keys = 0;  // that rows saw
  int64_t reads = 0;
  int64_t forks = 0;
};

// Writes codes and raw vectors, forks, truncates, and selects from up to eight ragged sequences of
// one or two stores; a few batches that do not conflict are in flight at once. Deterministic in
// its seed and `longest`.
class DifferentialCase {
 public:
  // Page memory that each backend needs.
  static constexpr int64_t kMemoryBytes = int64_t{384} << 20;

  DifferentialCase(std::unique_ptr<Backend> tested, std::unique_ptr<Backend> reference,
                   int64_t longest, uint32_t seed);

  // Expects the same bytes of both; ends early on the first difference.
  void Run();

  std::string Describe() const;
  const DifferentialCounts& counts() const { return counts_; }

 private:
  struct Store {
    StoreShape shape;
    int page_positions = 0;
    int64_t longest = 0;  // so that a few sequences fit
  };
  struct Sequence {
    int store = 0;
    int64_t length = 0;
    int64_t owned_from = 0;  // first position that may be written
    bool has_forks = false;  // shares its pages, so it is only appended to
  };

  void AddStore();
  int AddSequence(int store);
  void Append(int sequence, int64_t count);
  void Rewrite(int sequence);
  void Fork();
  void Truncate();
  void Select(int sequence);
  void Read(int sequence);
  void FillSequences();
  void RunRound();
  void Finish(std::vector<Twin::InFlight> batches);

  Sequence& At(int sequence) { return sequences_[static_cast<size_t>(sequence)]; }
  const StoreShape& ShapeOf(int sequence) {
    return stores_[static_cast<size_t>(At(sequence).store)].shape;
  }
  int AnySequence() { return static_cast<int>(Below(random_, std::ssize(sequences_))); }
  TestVectors Keys(const StoreShape& shape, int64_t count);

  Random random_;
  KeyPool pool_;
  int64_t longest_;
  Twin twin_;
  std::vector<Store> stores_;
  std::vector<Sequence> sequences_;
  DifferentialCounts counts_;
};

}  // namespace kvsift

#endif  // KVSIFT_TESTS_GPU_DIFFERENTIAL_CASE_H_
