// The way of a batch's answers to the host, and how the host learns that the batch has run.
//
// A flag in page-locked memory tells the host, which spins on it: no call of the driver and none of
// its locks lie between. The answers' way is one of
//   where they are few and all made of lists: the kernel that joins the lists writes them to
//   page-locked memory and raises the flag
//   where they are few: kernels write device memory, a last one copies them and raises the flag
//   else: the copy engine copies them, and the last kernel only raises the flag.
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

  // Makes room for `bytes` of answers.
  absl::Status Create(int64_t bytes);

  // Makes room for the answers of `batch`.
  absl::Status Begin(const Batch& batch);

  // Where kernels write, until the next Begin.
  DeviceAnswers selections() const;
  std::byte* reads() const { return device_.data() + extent_.read_offset(); }

  // The flag, where selections raise it themselves.
  HostFlag flag_of_selections() const { return are_direct_ ? flag() : HostFlag{}; }

  // Launches the way to the host, after every kernel that writes answers.
  absl::Status Deliver(cudaStream_t stream);

  // True once everything before Deliver has run.
  bool Arrived() const;

  // Copies the answers to where `batch` wants them. REQUIRES: they have arrived.
  void HandOver(const Batch& batch) const;

 private:
  HostFlag flag() const;

  const CrossingTuning tuning_;
  AnswerExtent extent_;
  bool are_direct_ = false;  // selections write host memory and raise the flag
  DeviceBuffer device_;      // new memory is zero: what lies between answers is delivered, too
  DeviceBuffer arrived_;
  PinnedBuffer host_;
  PinnedBuffer flag_;
  uint32_t sequence_ = 0;  // of the batch; never the flag's value before it has run
};

}  // namespace kvsift::cuda

#endif  // KVSIFT_KERNELS_CUDA_ANSWERS_H_
