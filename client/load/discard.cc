#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <algorithm>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "client/cpp/connection.h"
#include "client/load/clock.h"
#include "client/load/echo.h"
#include "client/load/echo_channel.h"
#include "client/load/lane.h"
#include "google/protobuf/io/coded_stream.h"
#include "kvsift/v1/echo.grpc.pb.h"

namespace kvsift::load {
namespace {

constexpr absl::Duration kGrace = absl::Seconds(20);

// Of a client stream: what is sent, and the message that it is written to.
struct Source {
  std::vector<char> keys;
  v1::StreamDiscardRequest message;
};

// Each chunk is copied from the caller's memory to the message, as any client must.
absl::Status DiscardOnce(v1::EchoService::Stub& stub, const DiscardOptions& options,
                         Source& source) {
  grpc::ClientContext context;
  client::SetDeadline(context, absl::Now() + options.duration + kGrace);
  v1::StreamDiscardResponse response;
  const auto writer = stub.StreamDiscard(&context, &response);
  size_t place = 0;
  for (int64_t left = options.append_bytes; left > 0;) {
    const int64_t size = std::min(left, options.message_bytes);
    if (place + static_cast<size_t>(size) > source.keys.size()) place = 0;
    source.message.set_payload(source.keys.data() + place, static_cast<size_t>(size));
    place += static_cast<size_t>(size);
    if (!writer->Write(source.message)) break;
    left -= size;
  }
  writer->WritesDone();
  return client::ToAbslStatus(writer->Finish());
}

}  // namespace

std::shared_ptr<grpc::Channel> EchoChannel(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  arguments.SetMaxSendMessageSize(-1);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
}

int64_t PayloadFor(int64_t bytes, const google::protobuf::MessageLite& message) {
  using google::protobuf::io::CodedOutputStream;
  int64_t payload = std::max<int64_t>(0, bytes - static_cast<int64_t>(message.ByteSizeLong()) - 1);
  payload -= static_cast<int64_t>(CodedOutputStream::VarintSize32(static_cast<uint32_t>(payload)));
  return std::max<int64_t>(0, payload);
}

absl::StatusOr<Floor> MeasureDiscard(const DiscardOptions& options) {
  std::vector<std::unique_ptr<v1::EchoService::Stub>> stubs;
  for (int i = 0; i < options.channels; ++i) {
    stubs.push_back(v1::EchoService::NewStub(EchoChannel(options.address)));
  }
  absl::Mutex mutex;
  Floor floor;
  absl::Status status;
  const int64_t start = MonotonicNs();
  const int64_t end = start + absl::ToInt64Nanoseconds(options.duration);
  std::vector<std::thread> threads;
  for (int i = 0; i < options.outstanding; ++i) {
    threads.emplace_back([&, i] {
      LatencyHistogram latency;
      Source source;
      source.keys.assign(static_cast<size_t>(std::min(options.append_bytes, kAppendBytes)), 'k');
      absl::Status own;
      while (own.ok() && MonotonicNs() < end) {
        const int64_t sent = MonotonicNs();
        own = DiscardOnce(*stubs[i % options.channels], options, source);
        if (own.ok()) latency.Record(MonotonicNs() - sent);
      }
      absl::MutexLock lock(&mutex);
      status.Update(own);
      floor.latency.Merge(latency);
    });
  }
  for (std::thread& thread : threads) thread.join();
  if (!status.ok()) return status;
  floor.elapsed_s = static_cast<double>(MonotonicNs() - start) * 1e-9;
  floor.p50s = {floor.latency.Quantile(0.5)};
  return floor;
}

}  // namespace kvsift::load
