#include "server/rpc/selection_service.h"

#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/server_callback.h"
#include "kvsift/v1/selection.grpc.pb.h"
#include "server/rpc/calibrate_call.h"
#include "server/rpc/sequence_calls.h"
#include "server/rpc/step_call.h"
#include "server/rpc/store_calls.h"
#include "server/rpc/stream_append.h"
#include "server/rpc/unary_call.h"

namespace kvsift {
namespace {

using grpc::ByteBuffer;
using grpc::CallbackServerContext;
using grpc::ServerUnaryReactor;
using Rpc = v1::SelectionService;

// The generated service with every method switched to the raw callback API.
using RawStores = Rpc::WithRawCallbackMethod_CreateStore<
    Rpc::WithRawCallbackMethod_GetStore<Rpc::WithRawCallbackMethod_ListStores<
        Rpc::WithRawCallbackMethod_DeleteStore<Rpc::WithRawCallbackMethod_Calibrate<
            Rpc::WithRawCallbackMethod_GetServer<Rpc::Service>>>>>>;
using RawSequences =
    Rpc::WithRawCallbackMethod_GetSequence<Rpc::WithRawCallbackMethod_ListSequences<
        Rpc::WithRawCallbackMethod_TruncateSequence<Rpc::WithRawCallbackMethod_ForkSequence<
            Rpc::WithRawCallbackMethod_ReleaseSequence<RawStores>>>>>;
using RawService =
    Rpc::WithRawCallbackMethod_AppendKeys<Rpc::WithRawCallbackMethod_StreamAppendKeys<
        Rpc::WithRawCallbackMethod_Select<Rpc::WithRawCallbackMethod_Step<RawSequences>>>>;

class SelectionService final : public RawService {
 public:
  explicit SelectionService(const SelectionServiceOptions& options) : options_(options) {}

  ServerUnaryReactor* CreateStore(CallbackServerContext* /*context*/, const ByteBuffer* in,
                                  ByteBuffer* out) override {
    return Start<v1::CreateStoreRequest, v1::CreateStoreResponse>(
        in, out, [this](auto& call) { RunCreateStore(*options_.engine, call); });
  }

  ServerUnaryReactor* GetStore(CallbackServerContext* /*context*/, const ByteBuffer* in,
                               ByteBuffer* out) override {
    return Start<v1::GetStoreRequest, v1::GetStoreResponse>(
        in, out, [this](auto& call) { RunGetStore(*options_.engine, call); });
  }

  ServerUnaryReactor* ListStores(CallbackServerContext* /*context*/, const ByteBuffer* in,
                                 ByteBuffer* out) override {
    return Start<v1::ListStoresRequest, v1::ListStoresResponse>(
        in, out, [this](auto& call) { RunListStores(*options_.engine, call); });
  }

  ServerUnaryReactor* DeleteStore(CallbackServerContext* /*context*/, const ByteBuffer* in,
                                  ByteBuffer* out) override {
    return Start<v1::DeleteStoreRequest, v1::DeleteStoreResponse>(
        in, out, [this](auto& call) { RunDeleteStore(*options_.engine, call); });
  }

  ServerUnaryReactor* Calibrate(CallbackServerContext* /*context*/, const ByteBuffer* in,
                                ByteBuffer* out) override {
    return Start<v1::CalibrateRequest, v1::CalibrateResponse>(in, out, [this](auto& call) {
      RunCalibrate(*options_.executor, options_.engine->incarnation(), call);
    });
  }

  ServerUnaryReactor* AppendKeys(CallbackServerContext* /*context*/, const ByteBuffer* in,
                                 ByteBuffer* out) override {
    return Start<v1::AppendKeysRequest, v1::AppendKeysResponse>(
        in, out, [this](auto& call) { RunAppend(*options_.engine, call); });
  }

  grpc::ServerReadReactor<ByteBuffer>* StreamAppendKeys(CallbackServerContext* /*context*/,
                                                        ByteBuffer* out) override {
    return StartStreamAppend(*options_.engine, *options_.gate, *out);
  }

  ServerUnaryReactor* Select(CallbackServerContext* /*context*/, const ByteBuffer* in,
                             ByteBuffer* out) override {
    return Start<v1::SelectRequest, v1::SelectResponse>(
        in, out, [this](auto& call) { RunSelect(*options_.engine, call); });
  }

  ServerUnaryReactor* Step(CallbackServerContext* /*context*/, const ByteBuffer* in,
                           ByteBuffer* out) override {
    return Start<v1::StepRequest, v1::StepResponse>(
        in, out, [this](auto& call) { RunStep(*options_.engine, call); });
  }

  ServerUnaryReactor* GetSequence(CallbackServerContext* /*context*/, const ByteBuffer* in,
                                  ByteBuffer* out) override {
    return Start<v1::GetSequenceRequest, v1::GetSequenceResponse>(
        in, out, [this](auto& call) { RunGetSequence(*options_.engine, call); });
  }

  ServerUnaryReactor* ListSequences(CallbackServerContext* /*context*/, const ByteBuffer* in,
                                    ByteBuffer* out) override {
    return Start<v1::ListSequencesRequest, v1::ListSequencesResponse>(
        in, out, [this](auto& call) { RunListSequences(*options_.engine, call); });
  }

  ServerUnaryReactor* TruncateSequence(CallbackServerContext* /*context*/, const ByteBuffer* in,
                                       ByteBuffer* out) override {
    return Start<v1::TruncateSequenceRequest, v1::TruncateSequenceResponse>(
        in, out, [this](auto& call) { RunTruncate(*options_.engine, call); });
  }

  ServerUnaryReactor* ForkSequence(CallbackServerContext* /*context*/, const ByteBuffer* in,
                                   ByteBuffer* out) override {
    return Start<v1::ForkSequenceRequest, v1::ForkSequenceResponse>(
        in, out, [this](auto& call) { RunFork(*options_.engine, call); });
  }

  ServerUnaryReactor* ReleaseSequence(CallbackServerContext* /*context*/, const ByteBuffer* in,
                                      ByteBuffer* out) override {
    return Start<v1::ReleaseSequenceRequest, v1::ReleaseSequenceResponse>(
        in, out, [this](auto& call) { RunRelease(*options_.engine, call); });
  }

  ServerUnaryReactor* GetServer(CallbackServerContext* /*context*/, const ByteBuffer* in,
                                ByteBuffer* out) override {
    return Start<v1::GetServerRequest, v1::GetServerResponse>(in, out, [this](auto& call) {
      RunGetServer(*options_.engine, options_.max_message_bytes, call);
    });
  }

 private:
  template <typename Request, typename Response, typename Handle>
  ServerUnaryReactor* Start(const ByteBuffer* in, ByteBuffer* out, Handle handle) {
    return UnaryCall<Request, Response>::Start(*options_.gate, *in, *out, handle);
  }

  const SelectionServiceOptions options_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeSelectionService(const SelectionServiceOptions& options) {
  return std::make_unique<SelectionService>(options);
}

}  // namespace kvsift
