#include "kernels/cuda/answers.h"

#include <algorithm>
#include <atomic>

namespace kvsift::cuda {
namespace {

int64_t RowsOf(const Selection& selection) {
  return std::ssize(selection.visible) *
         RowsPerToken(selection.policy.grouping,
                      static_cast<const CudaStore*>(selection.store)->shape());
}

bool AreAllOfLists(const Batch& batch) {
  bool has_rows = false;
  for (const Selection& selection : batch.selections) {
    if (!MakesLists(selection.policy.grouping) || selection.scores != nullptr) return false;
    has_rows |= !selection.visible.empty();
  }
  return has_rows && batch.reads.empty();
}

}  // namespace

void AnswerExtent::Add(const Selection& selection) {
  const int64_t rows = RowsOf(selection);
  positions += rows * selection.row_width;
  counts += rows;
  if (selection.scores != nullptr) scores += rows * selection.row_width;
}

void AnswerExtent::Add(const KeyRead& read) {
  read_bytes += Staging::Footprint(std::ssize(read.codes));
}

int64_t AnswerExtent::read_offset() const {
  return Staging::Footprint((positions + counts + scores) * static_cast<int64_t>(sizeof(int32_t)));
}

absl::Status Answers::Create(int64_t bytes) {
  absl::Status status = flag_.Reserve(sizeof(uint32_t));
  if (status.ok()) status = arrived_.ReserveZeros(sizeof(unsigned int));
  if (status.ok()) status = device_.ReserveZeros(bytes);
  if (status.ok()) status = host_.Reserve(bytes);
  if (status.ok()) *reinterpret_cast<uint32_t*>(flag_.data()) = sequence_;
  return status;
}

absl::Status Answers::Begin(const Batch& batch) {
  ++sequence_;
  extent_ = {};
  for (const Selection& selection : batch.selections) extent_.Add(selection);
  for (const KeyRead& read : batch.reads) extent_.Add(read);
  are_direct_ = extent_.bytes() <= tuning_.most_delivered_bytes && AreAllOfLists(batch);
  absl::Status status = device_.ReserveZeros(extent_.bytes());
  if (status.ok()) status = host_.Reserve(extent_.bytes());
  return status;
}

DeviceAnswers Answers::selections() const {
  int32_t* answers = reinterpret_cast<int32_t*>(are_direct_ ? host_.data() : device_.data());
  return {.positions = answers,
          .counts = answers + extent_.positions,
          .scores = answers + extent_.positions + extent_.counts};
}

HostFlag Answers::flag() const {
  return {.value = reinterpret_cast<uint32_t*>(flag_.data()),
          .sequence = sequence_,
          .arrived = reinterpret_cast<unsigned int*>(arrived_.data())};
}

absl::Status Answers::Deliver(cudaStream_t stream) {
  if (are_direct_) return absl::OkStatus();
  int64_t bytes = extent_.bytes();
  if (bytes > tuning_.most_delivered_bytes) {
    KVSIFT_RETURN_IF_CUDA_ERROR(cudaMemcpyAsync(
        host_.data(), device_.data(), static_cast<size_t>(bytes), cudaMemcpyDeviceToHost, stream));
    bytes = 0;
  }
  KVSIFT_RETURN_IF_CUDA_ERROR(LaunchDeliver(
      {.from = device_.data(), .to = host_.data(), .bytes = bytes, .flag = flag()}, stream));
  return absl::OkStatus();
}

bool Answers::Arrived() const {
  const std::atomic_ref flag(*reinterpret_cast<uint32_t*>(flag_.data()));
  return flag.load(std::memory_order_acquire) == sequence_;
}

void Answers::HandOver(const Batch& batch) const {
  const int32_t* positions = reinterpret_cast<const int32_t*>(host_.data());
  const int32_t* counts = positions + extent_.positions;
  const int32_t* scores = counts + extent_.counts;
  const std::byte* codes = host_.data() + extent_.read_offset();
  AnswerExtent before;
  for (const Selection& selection : batch.selections) {
    const int64_t rows = RowsOf(selection);
    const int64_t entries = rows * selection.row_width;
    std::copy_n(positions + before.positions, entries, selection.positions);
    std::copy_n(counts + before.counts, rows, selection.counts);
    if (selection.scores != nullptr) {
      std::copy_n(scores + before.scores, entries, selection.scores);
    }
    before.Add(selection);
  }
  for (const KeyRead& read : batch.reads) {
    std::copy_n(codes + before.read_bytes, read.codes.size(), read.codes.data());
    before.Add(read);
  }
}

}  // namespace kvsift::cuda
