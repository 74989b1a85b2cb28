#include "server/rpc/stream_append.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "kvsift/v1/selection.pb.h"
#include "server/rpc/convert_step.h"
#include "server/rpc/entry_results.h"
#include "server/rpc/errors.h"
#include "server/rpc/unary_call.h"

namespace kvsift {
namespace {

// Exactly one of a read and a step is under way until the stream is finished, so its members need
// no lock: gRPC and the engine order the one after the other.
class StreamAppend final : public grpc::ServerReadReactor<grpc::ByteBuffer> {
 public:
  StreamAppend(Engine& engine, CallGate& gate, grpc::ByteBuffer& out)
      : engine_(engine), gate_(gate), has_entered_(gate.Enter()), out_(out) {
    response_.set_server_incarnation(engine.incarnation());
    if (has_entered_) {
      StartRead(&in_);
    } else {
      Finish(ToGrpcStatus(DrainingError()));
    }
  }

  // Half-close, or the client is gone, in which case nobody hears the answer.
  void OnReadDone(bool ok) override {
    if (!ok) return Answer();
    absl::Status started = Apply();
    if (!started.ok()) Finish(ToGrpcStatus(UnderMessage(started)));
  }

  void OnDone() override {
    CallGate* const entered = has_entered_ ? &gate_ : nullptr;
    delete this;
    if (entered != nullptr) entered->Leave();
  }

 private:
  // One message and what was made of it.
  struct Message {
    v1::StreamAppendKeysRequest request;
    std::shared_ptr<const StoreDescription> store;
    StepInput input;
  };

  absl::Status Apply() {
    message_.emplace();
    absl::Status ready = ParseMessage(in_, message_->request);
    in_.Clear();
    if (!ready.ok()) return ready;
    InheritStore(message_->request);
    auto store = engine_.DescribeStore(store_);
    if (!store.ok()) return store.status();
    message_->store = *std::move(store);
    ready = ConvertStreamAppend(message_->request, *message_->store, message_->input);
    if (!ready.ok()) return ready;
    engine_.Step(message_->input.request, nullptr,
                 [this](const StepResult& result) { OnApplied(result); });
    return absl::OkStatus();
  }

  // Later messages may leave out what the first one said.
  void InheritStore(v1::StreamAppendKeysRequest& request) {
    if (!request.store().empty()) store_ = request.store();
    if (request.has_fingerprint()) fingerprint_ = request.fingerprint();
    if (fingerprint_.has_value()) request.set_fingerprint(*fingerprint_);
  }

  void OnApplied(const StepResult& result) {
    if (!result.status.ok()) return Finish(ToGrpcStatus(UnderMessage(result.status)));
    FillEntryResults(result.entries, response_);
    message_.reset();
    if (response_.entry_errors_size() > 0) return Answer();
    response_.set_messages(response_.messages() + 1);
    StartRead(&in_);
  }

  void Answer() {
    bool owns = false;
    Finish(grpc::SerializationTraits<v1::StreamAppendKeysResponse>::Serialize(response_, &out_,
                                                                              &owns));
  }

  // Says which message was refused: the client has sent others meanwhile.
  absl::Status UnderMessage(const absl::Status& status) const {
    return UnderField(absl::StrCat("messages[", response_.messages(), "]."), status);
  }

  Engine& engine_;
  CallGate& gate_;
  const bool has_entered_;
  grpc::ByteBuffer& out_;
  grpc::ByteBuffer in_;
  std::optional<Message> message_;
  std::string store_;
  std::optional<uint64_t> fingerprint_;
  v1::StreamAppendKeysResponse response_;
};

}  // namespace

grpc::ServerReadReactor<grpc::ByteBuffer>* StartStreamAppend(Engine& engine, CallGate& gate,
                                                             grpc::ByteBuffer& out) {
  return new StreamAppend(engine, gate, out);
}

}  // namespace kvsift
