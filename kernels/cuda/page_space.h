// The page memory of a device: one range of addresses, with memory behind all of it from the start,
// or behind what is asked for.
#ifndef KVSIFT_KERNELS_CUDA_PAGE_SPACE_H_
#define KVSIFT_KERNELS_CUDA_PAGE_SPACE_H_

#include <cstdint>
#include <mutex>
#include <vector>

#include "absl/status/status.h"
#include "kernels/cuda/device.h"

namespace kvsift::cuda {

// Reserve and the destructor run on the thread that owns it; Provide is thread-safe. New memory is
// zero: scores are made of whole tiles, so keys that nobody has written are read, and left out.
class PageSpace {
 public:
  PageSpace() = default;
  PageSpace(const PageSpace&) = delete;
  PageSpace& operator=(const PageSpace&) = delete;
  ~PageSpace();

  // Takes `bytes` of the current device; with `grows`, only addresses for them.
  // Errors: RESOURCE_EXHAUSTED, UNAVAILABLE (DeviceStatus).
  absl::Status Reserve(int device, int64_t bytes, bool grows);

  // Has memory behind [first, first + bytes), which it keeps; waits for the device where it has to
  // take some. Errors: those of Reserve; some of the range may have memory then.
  absl::Status Provide(int64_t first, int64_t bytes);

  uint8_t* data() const { return data_; }

  // Bytes that have memory behind them because Provide asked for it.
  int64_t provided_bytes();

 private:
  absl::Status ReserveAddresses(int64_t bytes);
  absl::Status Take(int64_t chunk);
  absl::Status NoMore() const;

  int device_ = 0;
  uint8_t* data_ = nullptr;
  DeviceBuffer whole_;  // where it does not grow

  // Where it grows: chunks of kChunkBytes.
  int64_t address_bytes_ = 0;
  std::mutex mutex_;
  std::vector<bool> taken_;  // guarded by mutex_
};

}  // namespace kvsift::cuda

#endif  // KVSIFT_KERNELS_CUDA_PAGE_SPACE_H_
