#include "client/cpp/append_stream.h"

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/proto_buffer_reader.h>

#include "client/cpp/connection.h"
#include "client/cpp/status.h"

namespace kvsift::client {
namespace {

constexpr char kMethod[] = "/kvsift.v1.SelectionService/StreamAppendKeys";

}  // namespace

AppendStream::AppendStream(const std::shared_ptr<grpc::Channel>& channel, absl::Time deadline,
                           bool waits) {
  SetDeadline(context_, deadline);
  context_.set_wait_for_ready(waits);
  grpc::GenericStub(channel).PrepareBidiStreamingCall(&context_, kMethod, {}, this);
  AddHold();  // for writes, which begin on another thread
  StartRead(&read_);
  StartCall();
}

bool AppendStream::Write(grpc::ByteBuffer message) {
  {
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(this, &AppendStream::is_idle));
    if (is_broken_) return false;
    is_writing_ = true;
  }
  written_.Swap(&message);
  StartWrite(&written_);
  return true;
}

absl::Status AppendStream::Finish(v1::StreamAppendKeysResponse& response) {
  {
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(this, &AppendStream::is_idle));
  }
  StartWritesDone();
  RemoveHold();
  {
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(&is_done_));
  }
  if (!status_.ok()) return ToAbslStatus(status_);
  grpc::ProtoBufferReader reader(&read_);
  if (reader.status().ok() && response.ParseFromZeroCopyStream(&reader)) return absl::OkStatus();
  return absl::InternalError("the server's answer to an append is malformed");
}

void AppendStream::OnWriteDone(bool ok) {
  absl::MutexLock lock(&mutex_);
  is_writing_ = false;
  is_broken_ |= !ok;
}

// The answer, before the last message perhaps: the server has said how far it came.
void AppendStream::OnReadDone(bool /*ok*/) {
  absl::MutexLock lock(&mutex_);
  is_broken_ = true;
}

void AppendStream::OnDone(const grpc::Status& status) {
  status_ = status;
  absl::MutexLock lock(&mutex_);
  is_done_ = true;
}

}  // namespace kvsift::client
