// What an engine promises, in the most obvious form: every sequence is a plain vector of codes per
// layer, and a page is an object that is alive while somebody refers to it.
#ifndef KVSIFT_TESTS_ENGINE_ENGINE_MODEL_H_
#define KVSIFT_TESTS_ENGINE_ENGINE_MODEL_H_

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "tests/engine/engine_driver.h"
#include "tests/engine/engine_harness.h"

namespace kvsift {

// What a call must answer.
struct ModelResult {
  absl::StatusCode code = absl::StatusCode::kOk;
  uint64_t epoch = 0;
  int64_t length = 0;
  bool takes_epoch = false;  // the call gave the sequence a new epoch
};

// One store of SmallConfig's shape.
class EngineModel {
 public:
  explicit EngineModel(int64_t capacity_pages) : capacity_(capacity_pages) {}

  struct Sequence {
    uint64_t epoch = 0;
    std::array<Bytes, 2> layers;
    std::vector<std::shared_ptr<int>> pages;
    std::optional<std::pair<uint64_t, int64_t>> origin;

    int64_t Length(int layer) const { return std::ssize(layers[layer]) / kSmallKeyBytes; }
    int64_t Longest() const { return std::max(Length(0), Length(1)); }
  };

  const Sequence* Find(uint64_t id) const;
  int64_t Length(uint64_t id, int layer) const;
  uint64_t Epoch(uint64_t id) const;
  const std::map<uint64_t, Sequence>& sequences() const { return sequences_; }

  int64_t free_pages() const { return capacity_ - live_pages(); }
  // Pages that an entry of `count` keys from `start` on takes at most.
  static int64_t MostPages(int64_t start, int64_t count);

  // Appends to `layers` (indices). Entries of one message reserve pages and take epochs in no
  // promised order: unless it is `alone`, the entry has all pages it wants, and AdoptEpoch
  // follows if it takes an epoch.
  ModelResult Step(const EntrySpec& entry, const std::vector<int>& layers, ConflictRule rule,
                   bool alone);
  ModelResult Truncate(uint64_t id, int64_t length, std::optional<uint64_t> epoch);
  ModelResult Fork(uint64_t parent, uint64_t child, int64_t length, std::optional<uint64_t> epoch);
  ModelResult Release(uint64_t id, std::optional<uint64_t> epoch);

  // The sequence has the epoch that the engine gave it.
  void AdoptEpoch(uint64_t id, uint64_t epoch);
  uint64_t last_epoch() const { return last_epoch_; }

 private:
  struct Plan {
    std::vector<int64_t> write_from;  // per layer of the request
    std::vector<bool> replaces;
    int64_t end = 0;
  };

  int64_t live_pages() const;
  ModelResult Fail(absl::StatusCode code, uint64_t id, int layer) const;
  std::optional<ModelResult> CheckVisible(const EntrySpec& entry, int layer, int64_t length) const;
  bool Reserve(Sequence& sequence, const Plan& plan, bool alone) const;
  ModelResult Write(const EntrySpec& entry, const std::vector<int>& layers, const Plan& plan,
                    bool alone);

  const int64_t capacity_;
  uint64_t last_epoch_ = 0;
  std::map<uint64_t, Sequence> sequences_;
};

}  // namespace kvsift

#endif  // KVSIFT_TESTS_ENGINE_ENGINE_MODEL_H_
