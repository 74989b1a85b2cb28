// One call as the service sees it: messages of bytes in and out, and a status at the end.
#ifndef KVSIFT_SERVER_RPC_SERVER_CALL_H_
#define KVSIFT_SERVER_RPC_SERVER_CALL_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "grpcpp/generic/async_generic_service.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/status.h"
#include "proto/transport/completion_loop.h"
#include "server/rpc/call_gate.h"

namespace kvsift {

class CallReactor;
class ServerCall;

// What starts the calls of each method, by its path ("/package.Service/Method"): makes a
// CallReactor of the call.
using MethodTable =
    absl::flat_hash_map<std::string, std::function<void(std::unique_ptr<ServerCall> call)>>;

// Where calls come from. What it points to outlives the calls.
struct CallSource {
  grpc::AsyncGenericService* service = nullptr;
  CompletionLoop* loop = nullptr;
  grpc::ServerCompletionQueue* queue = nullptr;  // of the loop
  const MethodTable* methods = nullptr;
  CallGate* calls = nullptr;  // has every call that exists, one that is yet to come included
};

// What gRPC holds of a call.
class ServerCall {
 public:
  // Has gRPC start one more call when it comes, and then wait for the next.
  static void Await(const CallSource& source);

 private:
  friend class CallReactor;

  enum class Operation : uint8_t { kArrive, kRead, kWrite, kFinish, kEnd };

  class OperationDone final : public CompletionLoop::Event {
   public:
    OperationDone(ServerCall& call, Operation operation) : call_(call), operation_(operation) {}
    void Happened(bool ok) override { call_.Happened(operation_, ok); }

   private:
    ServerCall& call_;
    const Operation operation_;
  };

  // The last to go.
  struct Presence {
    explicit Presence(CallGate& all) : calls(all) { calls.Enter(); }
    ~Presence() { calls.Leave(); }
    CallGate& calls;
  };

  explicit ServerCall(const CallSource& source) : source_(source), presence_(*source.calls) {}

  void Happened(Operation operation, bool ok);
  void Arrive(bool ok);

  // The call has ended and has a reactor, whichever came last.
  void End();

  // One of those that are awaited has been told of: with the last one the call is done.
  void Told();

  const CallSource& source_;
  const Presence presence_;
  grpc::GenericServerContext context_;
  grpc::GenericServerAsyncReaderWriter stream_{&context_};
  CallReactor* reactor_ = nullptr;
  grpc::ByteBuffer* message_ = nullptr;  // that is read
  std::atomic<bool> has_begun_or_ended_ = false;
  // What gRPC has yet to tell: that the call has ended and that Finish is done, of any call, and
  // what else was started.
  std::atomic<int> awaited_ = 2;
  OperationDone arrived_{*this, Operation::kArrive};
  OperationDone read_{*this, Operation::kRead};
  OperationDone written_{*this, Operation::kWrite};
  OperationDone finished_{*this, Operation::kFinish};
  OperationDone ended_{*this, Operation::kEnd};
};

// What becomes of a call. Every call must Finish once. One read and one write may be under way at
// once; the reaction to an operation may run on another thread before the call that starts it has
// returned. So none is started by a constructor, before the object is whole.
class CallReactor {
 public:
  explicit CallReactor(std::unique_ptr<ServerCall> call) : call_(std::move(call)) {
    call_->reactor_ = this;
  }

  CallReactor(const CallReactor&) = delete;
  CallReactor& operator=(const CallReactor&) = delete;

 protected:
  // Keeps the call from being done. For threads that come from elsewhere than from a reaction,
  // which does so by itself: what they start, or leave to others, may be the last thing that
  // happens.
  class Hold {
   public:
    explicit Hold(CallReactor& reactor) : call_(*reactor.call_) { ++call_.awaited_; }
    ~Hold() { call_.Told(); }
    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;

   private:
    ServerCall& call_;
  };

  // The reactor that deletes itself when it is done does so with its call.
  virtual ~CallReactor() = default;

  grpc::ServerContext& context() { return call_->context_; }

  // Ends with OnReadDone: `ok` unless there is no further message, or the call is over.
  void StartRead(grpc::ByteBuffer* message);

  // Ends with OnWriteDone: `ok` unless the call is over.
  void StartWrite(const grpc::ByteBuffer& message);

  // Ends the call, the second with a last message and OK. REQUIRES: no write is under way. A read
  // that is may go on until the end.
  void Finish(const grpc::Status& status);
  void FinishWith(const grpc::ByteBuffer& message);

 private:
  friend class ServerCall;

  virtual void OnReadDone(bool /*ok*/) {}
  virtual void OnWriteDone(bool /*ok*/) {}
  // Nobody waits for the answer any more; the operations that are under way end, too.
  virtual void OnCancel() {}
  // gRPC needs nothing of the call any more: deletes this.
  virtual void OnDone() = 0;

  const std::unique_ptr<ServerCall> call_;
};

}  // namespace kvsift

#endif  // KVSIFT_SERVER_RPC_SERVER_CALL_H_
