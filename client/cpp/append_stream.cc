#include "client/cpp/append_stream.h"

#include "client/cpp/connection.h"
#include "client/cpp/status.h"
#include "proto/transport/message_bytes.h"

namespace kvsift::client {
namespace {

constexpr char kMethod[] = "/kvsift.v1.SelectionService/StreamAppendKeys";

}  // namespace

AppendStream::AppendStream(const std::shared_ptr<grpc::Channel>& channel, absl::Time deadline,
                           bool waits) {
  SetDeadline(context_, deadline);
  context_.set_wait_for_ready(waits);
  context_.set_initial_metadata_corked(true);  // it goes with the first message
  call_ = grpc::GenericStub(channel).PrepareCall(&context_, kMethod, &queue_);
  call_->StartCall(nullptr);
  call_->Read(&read_, TagOf(kRead));
}

bool AppendStream::Write(grpc::ByteBuffer message) {
  if (is_writing_) Await(kWrite);
  if (is_broken_) return false;
  written_.Swap(&message);
  is_writing_ = true;
  call_->Write(written_, TagOf(kWrite));
  return true;
}

absl::Status AppendStream::Finish(v1::StreamAppendKeysResponse& response) {
  if (is_writing_) Await(kWrite);
  call_->WritesDone(TagOf(kEndWrites));
  if (is_reading_) Await(kRead);
  call_->Finish(&status_, TagOf(kFinish));
  queue_.Shutdown();
  void* tag = nullptr;
  for (bool ok = false; queue_.Next(&tag, &ok);) {
  }
  if (!status_.ok()) return ToAbslStatus(status_);
  if (ParseBytes(read_, response)) return absl::OkStatus();
  return absl::InternalError("the server's answer to an append is malformed");
}

void AppendStream::Await(Operation operation) {
  void* tag = nullptr;
  bool ok = false;
  do {
    queue_.Next(&tag, &ok);
    if (tag == TagOf(kRead)) is_reading_ = false;
    if (tag == TagOf(kWrite)) is_writing_ = false;
    // An answer before the last message: the server has said how far it came.
    is_broken_ |= !is_reading_ || (tag == TagOf(kWrite) && !ok);
  } while (tag != TagOf(operation));
}

}  // namespace kvsift::client
