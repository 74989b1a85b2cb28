// Lets the engine write an answer straight into the byte fields of its message.
#ifndef KVSIFT_SERVER_RPC_ANSWER_WRITER_H_
#define KVSIFT_SERVER_RPC_ANSWER_WRITER_H_

#include <cstdint>

#include "kvsift/v1/selection.pb.h"
#include "server/engine/answer.h"

namespace kvsift {

// One writer per answer.
class AnswerWriter final : public AnswerSink {
 public:
  // Fills `answer`, which outlives it.
  explicit AnswerWriter(v1::Answer& answer) : answer_(answer) {}

  AnswerBuffers Allocate(const AnswerShape& shape) override;
  void Shrink(int64_t positions) override;

  // Completes the answer of a step that had no query tokens and therefore no rows.
  void FinishEmpty(AnswerLayout layout);

 private:
  v1::Answer& answer_;
};

}  // namespace kvsift

#endif  // KVSIFT_SERVER_RPC_ANSWER_WRITER_H_
