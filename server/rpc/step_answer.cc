#include "server/rpc/step_answer.h"

#include <grpc/slice.h>

#include <array>
#include <bit>

#include "server/rpc/entry_results.h"
#include "server/rpc/wire_text.h"

namespace kvsift {
namespace {

static_assert(std::endian::native == std::endian::little, "answers are written as they are sent");

using google::protobuf::io::CodedOutputStream;

constexpr int kWidthField = v1::Answer::kWidthFieldNumber;

size_t WidthBytes(int64_t width) {
  return width == 0 ? 0 : 1 + CodedOutputStream::VarintSize32(static_cast<uint32_t>(width));
}

size_t Bytes(int64_t integers) { return static_cast<size_t>(integers) * sizeof(int32_t); }

}  // namespace

void StepAnswer::Reset(AnswerLayout layout) {
  shape_ = {.layout = layout};
  rows_ = {};
  next_ = nullptr;
  used_ = 0;
  array_count_ = 0;
}

void StepAnswer::MakeRoom(int64_t integers) {
  // The large form is on the heap and aligned, however small.
  grpc_slice memory = grpc_slice_malloc_large(Bytes(integers));
  next_ = reinterpret_cast<int32_t*>(GRPC_SLICE_START_PTR(memory));
  rows_ = grpc::Slice(memory, grpc::Slice::STEAL_REF);
}

int32_t* StepAnswer::Add(int field, int64_t count) {
  arrays_[array_count_++] = {.field = field, .first = used_, .count = count};
  int32_t* const room = next_;
  next_ += count;
  used_ += count;
  return room;
}

AnswerBuffers StepAnswer::Allocate(const AnswerShape& shape) {
  shape_ = shape;
  const int64_t cells = shape.rows * shape.width;
  const bool is_packed = shape.layout == AnswerLayout::kPacked;
  MakeRoom(cells * (shape.has_scores ? 2 : 1) + shape.rows + (is_packed ? shape.rows + 1 : 0));
  AnswerBuffers buffers;
  buffers.positions = Add(v1::Answer::kPositionsFieldNumber, cells);
  buffers.counts = Add(v1::Answer::kCountsFieldNumber, shape.rows);
  if (is_packed) buffers.offsets = Add(v1::Answer::kOffsetsFieldNumber, shape.rows + 1);
  if (shape.has_scores) buffers.scores = Add(v1::Answer::kScoresFieldNumber, cells);
  return buffers;
}

void StepAnswer::Shrink(int64_t positions) {
  for (Array& array : std::span(arrays_).first(array_count_)) {
    if (array.field == v1::Answer::kPositionsFieldNumber ||
        array.field == v1::Answer::kScoresFieldNumber) {
      array.count = positions;
    }
  }
}

size_t StepAnswer::AnswerBytes() const {
  size_t bytes = shape_.layout == AnswerLayout::kPadded ? WidthBytes(shape_.width) : 0;
  for (const Array& array : std::span(arrays_).first(array_count_)) {
    bytes += LengthHeadBytes(Bytes(array.count)) + Bytes(array.count);
  }
  return bytes;
}

void StepAnswer::FillTail(const StepResult& result, uint64_t incarnation) {
  FillEntryResults(result.entries, tail_);
  tail_.set_server_incarnation(incarnation);
  // A packed answer without rows still says where they would end.
  if (array_count_ > 0 || shape_.layout != AnswerLayout::kPacked) return;
  MakeRoom(1);
  *Add(v1::Answer::kOffsetsFieldNumber, 1) = 0;
}

grpc::ByteBuffer StepAnswer::Join(WireText& head, size_t answer_bytes) {
  std::array<grpc::Slice, 11> pieces;
  size_t count = 0;
  head.Length(v1::StepResponse::kAnswerFieldNumber, answer_bytes);
  for (const Array& array : std::span(arrays_).first(array_count_)) {
    head.Length(array.field, Bytes(array.count));
    pieces[count++] = head.Take();
    pieces[count++] = rows_.sub(Bytes(array.first), Bytes(array.first + array.count));
  }
  if (shape_.layout == AnswerLayout::kPadded && shape_.width > 0) {
    head.Int32(kWidthField, static_cast<int32_t>(shape_.width));
  }
  if (!head.empty()) pieces[count++] = head.Take();
  grpc_slice memory = grpc_slice_malloc(tail_.GetCachedSize());
  tail_.SerializeWithCachedSizesToArray(GRPC_SLICE_START_PTR(memory));
  pieces[count++] = grpc::Slice(memory, grpc::Slice::STEAL_REF);
  return {pieces.data(), count};
}

grpc::ByteBuffer StepAnswer::Serialize(const StepResult& result, uint64_t incarnation) {
  FillTail(result, incarnation);
  tail_.ByteSizeLong();  // caches it
  WireText head;
  return Join(head, AnswerBytes());
}

grpc::ByteBuffer StepAnswer::SerializeForStream(uint64_t id, const StepResult& result,
                                                uint64_t incarnation) {
  FillTail(result, incarnation);
  const size_t answer_bytes = AnswerBytes();
  WireText head;
  head.Fixed64(v1::StreamStepsResponse::kIdFieldNumber, id);
  head.Length(v1::StreamStepsResponse::kStepFieldNumber,
              LengthHeadBytes(answer_bytes) + answer_bytes + tail_.ByteSizeLong());
  return Join(head, answer_bytes);
}

}  // namespace kvsift
