// What the bytes of a step cost with gRPC's callback API on both sides, as most services use it:
// the peer of the threads that poll (proto/transport/completion_loop.h).
//
// usage: kvsift_bench_grpc_echo REQUEST_BYTES ANSWER_BYTES [OUTSTANDING [SECONDS]]
//
// Server and client are two processes on a unix socket. Prints p50 and p99 in us and the rate.
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace kvsift {
namespace {

using Clock = std::chrono::steady_clock;

grpc::ByteBuffer BytesOf(int size) {
  const grpc::Slice slice(std::string(size, 'x'));
  return {&slice, 1};
}

class ServerStream final : public grpc::ServerGenericBidiReactor {
 public:
  explicit ServerStream(int answer_bytes) : answer_bytes_(answer_bytes) { StartRead(&in_); }

  void OnReadDone(bool ok) override {
    if (!ok) return Finish(grpc::Status::OK);
    out_ = BytesOf(answer_bytes_);
    StartWrite(&out_);
  }
  void OnWriteDone(bool ok) override {
    if (!ok) return Finish(grpc::Status::CANCELLED);
    StartRead(&in_);
  }
  void OnDone() override { delete this; }

 private:
  const int answer_bytes_;
  grpc::ByteBuffer in_;
  grpc::ByteBuffer out_;
};

class Service final : public grpc::CallbackGenericService {
 public:
  explicit Service(int answer_bytes) : answer_bytes_(answer_bytes) {}

  grpc::ServerGenericBidiReactor* CreateReactor(grpc::GenericCallbackServerContext*) override {
    return new ServerStream(answer_bytes_);
  }

 private:
  const int answer_bytes_;
};

class ClientStream final : public grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  ClientStream(const std::shared_ptr<grpc::Channel>& channel, int request_bytes, int outstanding,
               Clock::time_point end)
      : stub_(channel), request_(BytesOf(request_bytes)), end_(end), unsent_(outstanding) {
    stub_.PrepareBidiStreamingCall(&context_, "/echo/Echo", {}, this);
    absl::MutexLock lock(&mutex_);
    sent_.assign(outstanding, Clock::now());
    StartRead(&answer_);
    WriteNext();
    StartCall();
  }

  std::vector<double> Finish() {
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(&is_done_));
    return latencies_us_;
  }

  void OnWriteDone(bool ok) override {
    absl::MutexLock lock(&mutex_);
    is_writing_ = false;
    if (ok) WriteNext();
  }

  void OnReadDone(bool ok) override {
    if (!ok) return;
    const Clock::time_point now = Clock::now();
    absl::MutexLock lock(&mutex_);
    latencies_us_.push_back(std::chrono::duration<double, std::micro>(now - sent_.front()).count());
    sent_.pop_front();
    if (now < end_) {
      sent_.push_back(now);
      ++unsent_;
      WriteNext();
    } else if (sent_.empty()) {
      StartWritesDone();
    }
    StartRead(&answer_);
  }

  void OnDone(const grpc::Status&) override {
    absl::MutexLock lock(&mutex_);
    is_done_ = true;
  }

 private:
  void WriteNext() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (is_writing_ || unsent_ == 0) return;
    is_writing_ = true;
    --unsent_;
    StartWrite(&request_);
  }

  grpc::GenericStub stub_;
  const grpc::ByteBuffer request_;
  const Clock::time_point end_;
  grpc::ClientContext context_;
  grpc::ByteBuffer answer_;
  absl::Mutex mutex_;
  int unsent_ ABSL_GUARDED_BY(mutex_);
  bool is_writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool is_done_ ABSL_GUARDED_BY(mutex_) = false;
  std::deque<Clock::time_point> sent_ ABSL_GUARDED_BY(mutex_);
  std::vector<double> latencies_us_ ABSL_GUARDED_BY(mutex_);
};

void Serve(const std::string& address, int answer_bytes) {
  Service service(answer_bytes);
  grpc::ServerBuilder builder;
  builder.AddListeningPort(address, grpc::InsecureServerCredentials());
  builder.RegisterCallbackGenericService(&service);
  builder.BuildAndStart()->Wait();
}

int Measure(const std::string& address, int request_bytes, int outstanding, double seconds) {
  const auto channel = grpc::CreateChannel(address, grpc::InsecureChannelCredentials());
  if (!channel->WaitForConnected(std::chrono::system_clock::now() + std::chrono::seconds(10))) {
    std::fprintf(stderr, "cannot connect\n");
    return 1;
  }
  const auto duration =
      std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
  ClientStream stream(channel, request_bytes, outstanding, Clock::now() + duration);
  std::vector<double> us = stream.Finish();
  if (us.empty()) return 1;
  std::sort(us.begin(), us.end());
  std::printf("p50 %.1f us, p99 %.1f us, %.0f /s\n", us[us.size() / 2], us[us.size() * 99 / 100],
              static_cast<double>(us.size()) / seconds);
  return 0;
}

int Main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: %s REQUEST_BYTES ANSWER_BYTES [OUTSTANDING [SECONDS]]\n", argv[0]);
    return 2;
  }
  const int outstanding = argc > 3 ? std::max(1, std::atoi(argv[3])) : 1;
  const double seconds = argc > 4 ? std::atof(argv[4]) : 2;
  const std::string address = "unix-abstract:kvsift-grpc-echo-" + std::to_string(getpid());
  const pid_t server = fork();  // before gRPC has threads
  if (server == 0) Serve(address, std::atoi(argv[2]));
  const int code = Measure(address, std::atoi(argv[1]), outstanding, seconds);
  kill(server, SIGKILL);
  return code;
}

}  // namespace
}  // namespace kvsift

int main(int argc, char** argv) { return kvsift::Main(argc, argv); }
