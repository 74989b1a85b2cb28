// One step of a held stream, from its bytes to the bytes of its answer.
#ifndef KVSIFT_SERVER_RPC_STREAM_STEP_H_
#define KVSIFT_SERVER_RPC_STREAM_STEP_H_

#include <cstddef>
#include <cstdint>
#include <functional>

#include "absl/status/status.h"
#include "google/protobuf/arena.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/byte_buffer.h"
#include "kvsift/v1/selection.pb.h"
#include "server/rpc/call_record.h"
#include "server/rpc/service_context.h"
#include "server/rpc/step_exchange.h"

namespace kvsift {

// Used for one step after another of its stream, so that its memory serves again.
class StreamStep {
 public:
  // `context` is the stream's, and outlives the step.
  StreamStep(const ServiceContext& service, const grpc::ServerContext& context)
      : service_(service),
        record_(Method::kStreamSteps, service, context),
        arena_(first_block_, kFirstBlockBytes) {}

  // Runs the step in `message`. `done` is called once, possibly before this returns: `out` is the
  // answer then, whatever became of the step.
  void Start(const grpc::ByteBuffer& message, const StepCaller& caller, std::function<void()> done);

  // gRPC has taken the answer, or the stream is over. The step can be used again.
  void End();

  // Of the message and, once it is done, the answer.
  int64_t bytes() const { return bytes_; }

  grpc::ByteBuffer out;
  StreamStep* next = nullptr;  // of the stream's queue of answers

 private:
  // Holds all of a message but its bytes, for some hundred sequences.
  static constexpr size_t kFirstBlockBytes = 16384;

  absl::Status Prepare(const grpc::ByteBuffer& message, StepCaller caller);
  void Answer(const StepResult& result);
  void AnswerError(const absl::Status& status);

  const ServiceContext& service_;
  CallRecord record_;
  bool has_entered_ = false;
  int64_t bytes_ = 0;
  uint64_t id_ = 0;
  alignas(std::max_align_t) char first_block_[kFirstBlockBytes];
  google::protobuf::Arena arena_;
  v1::StreamStepsRequest* request_ = nullptr;  // until End
  StepExchange exchange_;
  std::function<void()> done_;
};

}  // namespace kvsift

#endif  // KVSIFT_SERVER_RPC_STREAM_STEP_H_
