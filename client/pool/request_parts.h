// Parts of requests: some of the entries, with their vectors.
#ifndef KVSIFT_CLIENT_POOL_REQUEST_PARTS_H_
#define KVSIFT_CLIENT_POOL_REQUEST_PARTS_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "kvsift/append.h"
#include "kvsift/select.h"
#include "kvsift/store.h"

namespace kvsift::client {

// A request and the memory that its vectors are in. Not copied, so that views stay valid.
struct StepPart {
  StepPart() = default;
  StepPart(StepPart&&) = default;
  StepPart& operator=(StepPart&&) = default;

  StepRequest request;
  std::vector<std::byte> keys;
  std::vector<std::byte> queries;
  std::vector<float> scales;
  std::vector<int64_t> visible_lengths;
};

struct AppendPart {
  AppendRequest request;
  std::vector<std::byte> keys;
};

// The step that makes a selection: one without keys.
StepRequest ToStep(const SelectRequest& request);

// True if every size is as the entries say and policies exist: what PartOf relies on. What is not
// is refused by the client that it is sent with, as a whole.
bool IsSliceable(const StoreConfig& config, const StepRequest& request);
bool IsSliceable(const StoreConfig& config, const AppendRequest& request);

// The entries of these indices, in their order. REQUIRES: IsSliceable.
StepPart PartOf(const StoreConfig& config, const StepRequest& request,
                std::span<const int32_t> entries);
AppendPart PartOf(const StoreConfig& config, const AppendRequest& request,
                  std::span<const int32_t> entries);

// The whole request with vectors of its own.
StepPart CopyOf(const StepRequest& request);

}  // namespace kvsift::client

#endif  // KVSIFT_CLIENT_POOL_REQUEST_PARTS_H_
