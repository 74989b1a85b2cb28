// Where an answer goes: the engine asks for room once and the backend writes rows into it.
#ifndef KVSIFT_SERVER_ENGINE_ANSWER_H_
#define KVSIFT_SERVER_ENGINE_ANSWER_H_

#include <cstdint>

namespace kvsift {

enum class AnswerLayout : uint8_t {
  kPadded,  // [rows, width], -1 after the count
  kPacked,  // rows end to end, with offsets [rows + 1]
};

struct AnswerShape {
  int64_t rows = 0;
  int64_t width = 0;  // positions per row while rows are written, in both layouts
  bool has_scores = false;
  AnswerLayout layout = AnswerLayout::kPadded;
};

struct AnswerBuffers {
  int32_t* positions = nullptr;  // [rows, width]
  int32_t* counts = nullptr;     // [rows]
  int32_t* scores = nullptr;     // [rows, width], or null
  int32_t* offsets = nullptr;    // [rows + 1] for kPacked, else null
};

// A message's byte fields, pinned memory or a ring in shared memory.
class AnswerSink {
 public:
  virtual ~AnswerSink() = default;

  // Memory for an answer, valid until the step's `done` is called; called at most once.
  virtual AnswerBuffers Allocate(const AnswerShape& shape) = 0;

  // Tells that a packed answer has `positions` positions, moved to the front of the buffers.
  virtual void Shrink(int64_t positions) = 0;
};

}  // namespace kvsift

#endif  // KVSIFT_SERVER_ENGINE_ANSWER_H_
