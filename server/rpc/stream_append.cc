#include "server/rpc/stream_append.h"

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "kvsift/v1/selection.pb.h"
#include "server/rpc/call_record.h"
#include "server/rpc/caller.h"
#include "server/rpc/convert_step.h"
#include "server/rpc/entry_results.h"
#include "server/rpc/errors.h"
#include "server/rpc/step_exchange.h"
#include "server/rpc/unary_call.h"

namespace kvsift {
namespace {

// Of its two messages one is applied and the other read. The mutex decides what comes next; what
// is read and what is applied belong to the one thread that does so.
class StreamAppend final : public CallReactor {
 public:
  StreamAppend(const ServiceContext& service, std::unique_ptr<ServerCall> call)
      : CallReactor(std::move(call)),
        service_(service),
        has_entered_(service.gate->Enter()),
        caller_{
            .client = ClientOf(context()), .deadline = DeadlineOf(context()), .cancelled = &gone_},
        record_(Method::kStreamAppendKeys, service, context()) {
    record_.Begin();
    response_.set_server_incarnation(service.engine->incarnation());
  }

  void Begin() {
    if (service_.observer != nullptr) service_.observer->OnStreams(1);
    if (!has_entered_) return End(DrainingError());
    StartRead(&in_);
  }

 private:
  // Half-close, or the client is gone, in which case nobody hears the answer.
  void OnReadDone(bool ok) override {
    if (ok) ParseNext();
    {
      absl::MutexLock lock(&mutex_);
      if (finished_) return;
      reads_done_ = !ok;
      has_next_ = ok;
    }
    Continue();
  }

  void OnCancel() override { gone_ = true; }

  void OnDone() override {
    record_.End();
    if (service_.observer != nullptr) service_.observer->OnStreams(-1);
    CallGate* const entered = has_entered_ ? service_.gate : nullptr;
    delete this;
    if (entered != nullptr) entered->Leave();
  }

  // One message and what was made of it.
  struct Message {
    v1::StreamAppendKeysRequest request;
    absl::Status ready;
    StepExchange exchange;
  };

  // The message that was read becomes plain while the one before it is applied.
  void ParseNext() {
    Message& message = messages_[next_];
    message.ready = ParseMessage(in_, message.request);
    in_.Clear();
    if (!message.ready.ok()) return;
    InheritStore(message.request);
    message.ready = message.exchange.Prepare(
        *service_.engine, store_, caller_, [&](const StoreDescription& store, StepInput& input) {
          return ConvertStreamAppend(message.request, store, input);
        });
  }

  // Later messages may leave out what the first one said.
  void InheritStore(v1::StreamAppendKeysRequest& request) {
    if (!request.store().empty()) store_ = request.store();
    if (request.has_fingerprint()) fingerprint_ = request.fingerprint();
    if (fingerprint_.has_value()) request.set_fingerprint(*fingerprint_);
  }

  // Applies what was read, and reads on; or ends.
  void Continue() {
    Message* apply = nullptr;
    {
      absl::MutexLock lock(&mutex_);
      if (applying_ || finished_) return;
      if (has_next_) {
        apply = &messages_[next_];
        applying_ = true;
        has_next_ = false;
        next_ = 1 - next_;
      } else if (!reads_done_) {
        return;
      } else {
        // The last read and the last append may end at once, and both come here.
        finished_ = true;
      }
    }
    if (apply == nullptr) return Answer();
    if (!apply->ready.ok()) return End(UnderMessage(apply->ready));
    StartRead(&in_);
    apply->exchange.Run(*service_.engine, [this](const StepResult& result) { OnApplied(result); });
  }

  void OnApplied(const StepResult& result) {
    const Hold hold(*this);
    if (!result.status.ok()) return End(UnderMessage(result.status));
    record_.AddEntries(result.entries);
    FillEntryResults(result.entries, response_);
    if (response_.entry_errors_size() > 0) return Answer();
    response_.set_messages(response_.messages() + 1);
    {
      absl::MutexLock lock(&mutex_);
      applying_ = false;
    }
    Continue();
  }

  void Answer() {
    SetFinished(absl::OkStatus());
    FinishWith(SerializeMessage(response_));
  }

  void End(const absl::Status& status) {
    SetFinished(status);
    Finish(ToGrpcStatus(status));
  }

  void SetFinished(const absl::Status& status) {
    {
      absl::MutexLock lock(&mutex_);
      finished_ = true;
    }
    record_.Answer(status);
  }

  // Says which message was refused: the client has sent others meanwhile.
  absl::Status UnderMessage(const absl::Status& status) const {
    return UnderField(absl::StrCat("messages[", response_.messages(), "]."), status);
  }

  const ServiceContext& service_;
  const bool has_entered_;
  std::atomic<bool> gone_ = false;
  const StepCaller caller_;
  CallRecord record_;
  grpc::ByteBuffer in_;
  Message messages_[2];
  std::string store_;
  std::optional<uint64_t> fingerprint_;
  v1::StreamAppendKeysResponse response_;

  absl::Mutex mutex_;
  int next_ = 0;  // the message that is read; changes only between reads
  bool has_next_ ABSL_GUARDED_BY(mutex_) = false;
  bool applying_ ABSL_GUARDED_BY(mutex_) = false;
  bool reads_done_ ABSL_GUARDED_BY(mutex_) = false;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace

void StartStreamAppend(const ServiceContext& service, std::unique_ptr<ServerCall> call) {
  auto* stream = new StreamAppend(service, std::move(call));
  stream->Begin();
}

}  // namespace kvsift
