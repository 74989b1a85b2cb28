#include "server/rpc/answer_writer.h"

#include <bit>
#include <cstdint>
#include <string>

namespace kvsift {
namespace {

static_assert(std::endian::native == std::endian::little, "answers are written as they are sent");

// Room for `count` int32 in `bytes`. A string's buffer is aligned for them.
int32_t* Room(std::string& bytes, int64_t count) {
  bytes.resize(count * sizeof(int32_t));
  return reinterpret_cast<int32_t*>(bytes.data());
}

}  // namespace

AnswerBuffers AnswerWriter::Allocate(const AnswerShape& shape) {
  AnswerBuffers buffers;
  buffers.positions = Room(*answer_.mutable_positions(), shape.rows * shape.width);
  buffers.counts = Room(*answer_.mutable_counts(), shape.rows);
  if (shape.has_scores) {
    buffers.scores = Room(*answer_.mutable_scores(), shape.rows * shape.width);
  }
  if (shape.layout == AnswerLayout::kPacked) {
    buffers.offsets = Room(*answer_.mutable_offsets(), shape.rows + 1);
  } else {
    answer_.set_width(static_cast<int32_t>(shape.width));
  }
  return buffers;
}

void AnswerWriter::Shrink(int64_t positions) {
  answer_.mutable_positions()->resize(positions * sizeof(int32_t));
  if (!answer_.scores().empty()) answer_.mutable_scores()->resize(positions * sizeof(int32_t));
}

void AnswerWriter::FinishEmpty(AnswerLayout layout) {
  if (layout == AnswerLayout::kPacked) *Room(*answer_.mutable_offsets(), 1) = 0;
}

}  // namespace kvsift
