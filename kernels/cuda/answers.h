// The way of a batch's answers to the host, and how the host learns that the batch has run.
//
// Kernels write answers to device memory. Where they are few, a last kernel brings them to
// page-locked memory and raises a flag beside them, on which the host spins: no copy engine, no
// call of the driver and none of its locks lie between. Where they are many the copy engine brings
// them, and that kernel only raises the flag.
#ifndef KVSIFT_KERNELS_CUDA_ANSWERS_H_
#define KVSIFT_KERNELS_CUDA_ANSWERS_H_

#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "kernels/backend.h"
#include "kernels/cuda/crossing.h"
#include "kernels/cuda/device.h"
#include "kernels/cuda/selection_jobs.h"

namespace kvsift::cuda {

// Where answers of a batch lie: indices into int32 arrays, and bytes of codes read back. The
// places of an answer are the extent of the answers before it.
struct AnswerExtent {
  int64_t positions = 0;
  int64_t counts = 0;
  int64_t scores = 0;
  int64_t read_bytes = 0;

  void Add(const Selection& selection);
  void Add(const KeyRead& read);

  int64_t read_offset() const;
  int64_t bytes() const { return read_offset() + read_bytes; }
};

class Answers {
 public:
  explicit Answers(const CrossingTuning& tuning) : tuning_(tuning) {}

  // Reserves as much as a small batch takes.
  absl::Status Create();

  // Makes room for the answers of `batch`.
  absl::Status Begin(const Batch& batch);

  // Where kernels write, until the next Begin.
  DeviceAnswers selections() const;
  std::byte* reads() const { return device_.data() + extent_.read_offset(); }

  // Launches the way to the host, after every kernel that writes answers.
  absl::Status Deliver(cudaStream_t stream);

  // True once everything before Deliver has run.
  bool Arrived() const;

  // Copies the answers to where `batch` wants them. REQUIRES: they have arrived.
  void HandOver(const Batch& batch) const;

 private:
  const CrossingTuning tuning_;
  AnswerExtent extent_;
  DeviceBuffer device_;  // new memory is zero: what lies between answers is delivered, too
  DeviceBuffer arrived_;
  PinnedBuffer host_;
  PinnedBuffer flag_;
  uint32_t sequence_ = 0;  // of the batch; never the flag's value before it has run
};

}  // namespace kvsift::cuda

#endif  // KVSIFT_KERNELS_CUDA_ANSWERS_H_
