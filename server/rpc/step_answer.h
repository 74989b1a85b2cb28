// The answer of a Select or Step, written once: the backend's rows go straight into the memory
// that gRPC sends, and what stands around them on the wire is put before and behind.
#ifndef KVSIFT_SERVER_RPC_STEP_ANSWER_H_
#define KVSIFT_SERVER_RPC_STEP_ANSWER_H_

#include <cstdint>

#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/slice.h"
#include "kvsift/v1/selection.pb.h"
#include "server/engine/answer.h"
#include "server/engine/engine.h"

namespace kvsift {

// One step at a time; Reset makes it ready for another.
class StepAnswer final : public AnswerSink {
 public:
  // Begins an answer. `layout` is that of the request.
  void Reset(AnswerLayout layout);

  AnswerBuffers Allocate(const AnswerShape& shape) override;
  void Shrink(int64_t positions) override;

  // A serialised SelectResponse or StepResponse: their fields are the same.
  // REQUIRES: `result` is OK and its rows are written.
  grpc::ByteBuffer Serialize(const StepResult& result, uint64_t incarnation);

  // A serialised StreamStepsResponse with that.
  grpc::ByteBuffer SerializeForStream(uint64_t id, const StepResult& result, uint64_t incarnation);

 private:
  // One array of the answer: little-endian int32 of `slice_`, in a field of v1.Answer.
  struct Array {
    int field = 0;
    int64_t first = 0;
    int64_t count = 0;
  };

  // Memory for all arrays.
  void MakeRoom(int64_t integers);
  // The next `count` of its integers, which go into field `field`.
  int32_t* Add(int field, int64_t count);
  // Bytes of the serialised v1.Answer.
  size_t AnswerBytes() const;
  grpc::ByteBuffer Join(class WireText& head, size_t answer_bytes);
  void FillTail(const StepResult& result, uint64_t incarnation);

  AnswerShape shape_;
  grpc::Slice rows_;
  int32_t* next_ = nullptr;  // free room of rows_
  int64_t used_ = 0;         // integers of rows_ in arrays
  Array arrays_[4];
  int array_count_ = 0;
  v1::StepResponse tail_;  // everything but the answer
};

}  // namespace kvsift

#endif  // KVSIFT_SERVER_RPC_STEP_ANSWER_H_
