#include "server/rpc/server_call.h"

#include <utility>

namespace kvsift {
namespace {

// What takes longer to parse and to prepare than to wake a thread.
constexpr size_t kLargeBytes = 32 << 10;

class UnknownCall final : public CallReactor {
 public:
  using CallReactor::CallReactor;

  void Begin() { Finish(grpc::Status(grpc::StatusCode::UNIMPLEMENTED, "no such method")); }

 private:
  void OnDone() override { delete this; }
};

}  // namespace

void ServerCall::Await(const CallSource& source) {
  auto* call = new ServerCall(source);
  call->context_.AsyncNotifyWhenDone(&call->ended_);
  source.service->RequestCall(&call->context_, &call->stream_, source.queue, source.queue,
                              &call->arrived_);
}

void ServerCall::Happened(Operation operation, bool ok) {
  switch (operation) {
    case Operation::kArrive:
      return Arrive(ok);
    case Operation::kRead:
      if (ok && message_->Length() >= kLargeBytes) source_.loop->CallHelp();
      reactor_->OnReadDone(ok);
      break;
    case Operation::kWrite:
      reactor_->OnWriteDone(ok);
      break;
    case Operation::kFinish:
      break;
    case Operation::kEnd:
      if (has_begun_or_ended_.exchange(true)) End();
      return;
  }
  Told();
}

void ServerCall::End() {
  if (context_.IsCancelled()) reactor_->OnCancel();
  Told();
}

void ServerCall::Told() {
  if (--awaited_ == 0) reactor_->OnDone();
}

void ServerCall::Arrive(bool ok) {
  std::unique_ptr<ServerCall> call(this);
  if (!ok) return;  // the server shuts down
  Await(source_);
  const auto start = source_.methods->find(context_.method());
  if (start != source_.methods->end()) {
    start->second(std::move(call));
  } else {
    (new UnknownCall(std::move(call)))->Begin();
  }
  // It is there until its end was told. Another thread may have heard of that before.
  if (has_begun_or_ended_.exchange(true)) End();
}

void CallReactor::StartRead(grpc::ByteBuffer* message) {
  ++call_->awaited_;
  call_->message_ = message;
  call_->stream_.Read(message, &call_->read_);
}

void CallReactor::StartWrite(const grpc::ByteBuffer& message) {
  ++call_->awaited_;
  call_->stream_.Write(message, &call_->written_);
}

void CallReactor::Finish(const grpc::Status& status) {
  call_->stream_.Finish(status, &call_->finished_);
}

void CallReactor::FinishWith(const grpc::ByteBuffer& message) {
  call_->stream_.WriteAndFinish(message, grpc::WriteOptions(), grpc::Status::OK, &call_->finished_);
}

}  // namespace kvsift
