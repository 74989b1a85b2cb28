#include "server/rpc/selection_service.h"

#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/server_callback.h"
#include "kvsift/v1/selection.grpc.pb.h"
#include "server/rpc/calibrate_call.h"
#include "server/rpc/sequence_calls.h"
#include "server/rpc/step_call.h"
#include "server/rpc/step_stream.h"
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
using RawService = Rpc::WithRawCallbackMethod_AppendKeys<
    Rpc::WithRawCallbackMethod_StreamAppendKeys<Rpc::WithRawCallbackMethod_Select<
        Rpc::WithRawCallbackMethod_Step<Rpc::WithRawCallbackMethod_StreamSteps<RawSequences>>>>>;

class SelectionService final : public RawService {
 public:
  explicit SelectionService(const ServiceContext& service) : service_(service) {}

  ServerUnaryReactor* CreateStore(CallbackServerContext* context, const ByteBuffer* in,
                                  ByteBuffer* out) override {
    return Start<v1::CreateStoreRequest, v1::CreateStoreResponse>(
        Method::kCreateStore, context, in, out,
        [this](auto& call) { RunCreateStore(*service_.engine, call); });
  }

  ServerUnaryReactor* GetStore(CallbackServerContext* context, const ByteBuffer* in,
                               ByteBuffer* out) override {
    return Start<v1::GetStoreRequest, v1::GetStoreResponse>(
        Method::kGetStore, context, in, out,
        [this](auto& call) { RunGetStore(*service_.engine, call); });
  }

  ServerUnaryReactor* ListStores(CallbackServerContext* context, const ByteBuffer* in,
                                 ByteBuffer* out) override {
    return Start<v1::ListStoresRequest, v1::ListStoresResponse>(
        Method::kListStores, context, in, out,
        [this](auto& call) { RunListStores(*service_.engine, call); });
  }

  ServerUnaryReactor* DeleteStore(CallbackServerContext* context, const ByteBuffer* in,
                                  ByteBuffer* out) override {
    return Start<v1::DeleteStoreRequest, v1::DeleteStoreResponse>(
        Method::kDeleteStore, context, in, out,
        [this](auto& call) { RunDeleteStore(*service_.engine, call); });
  }

  ServerUnaryReactor* Calibrate(CallbackServerContext* context, const ByteBuffer* in,
                                ByteBuffer* out) override {
    return Start<v1::CalibrateRequest, v1::CalibrateResponse>(
        Method::kCalibrate, context, in, out, [this](auto& call) {
          RunCalibrate(*service_.executor, service_.engine->incarnation(), call);
        });
  }

  ServerUnaryReactor* AppendKeys(CallbackServerContext* context, const ByteBuffer* in,
                                 ByteBuffer* out) override {
    return Start<v1::AppendKeysRequest, v1::AppendKeysResponse>(
        Method::kAppendKeys, context, in, out,
        [this](auto& call) { RunAppend(*service_.engine, call); });
  }

  grpc::ServerReadReactor<ByteBuffer>* StreamAppendKeys(CallbackServerContext* context,
                                                        ByteBuffer* out) override {
    return StartStreamAppend(service_, *context, *out);
  }

  ServerUnaryReactor* Select(CallbackServerContext* context, const ByteBuffer* in,
                             ByteBuffer* out) override {
    return Start<v1::SelectRequest, v1::SelectResponse>(
        Method::kSelect, context, in, out,
        [this](auto& call) { RunSelect(*service_.engine, call); });
  }

  ServerUnaryReactor* Step(CallbackServerContext* context, const ByteBuffer* in,
                           ByteBuffer* out) override {
    return Start<v1::StepRequest, v1::StepResponse>(
        Method::kStep, context, in, out, [this](auto& call) { RunStep(*service_.engine, call); });
  }

  grpc::ServerBidiReactor<ByteBuffer, ByteBuffer>* StreamSteps(
      CallbackServerContext* context) override {
    return StartStepStream(service_, *context);
  }

  ServerUnaryReactor* GetSequence(CallbackServerContext* context, const ByteBuffer* in,
                                  ByteBuffer* out) override {
    return Start<v1::GetSequenceRequest, v1::GetSequenceResponse>(
        Method::kGetSequence, context, in, out,
        [this](auto& call) { RunGetSequence(*service_.engine, call); });
  }

  ServerUnaryReactor* ListSequences(CallbackServerContext* context, const ByteBuffer* in,
                                    ByteBuffer* out) override {
    return Start<v1::ListSequencesRequest, v1::ListSequencesResponse>(
        Method::kListSequences, context, in, out,
        [this](auto& call) { RunListSequences(*service_.engine, call); });
  }

  ServerUnaryReactor* TruncateSequence(CallbackServerContext* context, const ByteBuffer* in,
                                       ByteBuffer* out) override {
    return Start<v1::TruncateSequenceRequest, v1::TruncateSequenceResponse>(
        Method::kTruncateSequence, context, in, out,
        [this](auto& call) { RunTruncate(*service_.engine, call); });
  }

  ServerUnaryReactor* ForkSequence(CallbackServerContext* context, const ByteBuffer* in,
                                   ByteBuffer* out) override {
    return Start<v1::ForkSequenceRequest, v1::ForkSequenceResponse>(
        Method::kForkSequence, context, in, out,
        [this](auto& call) { RunFork(*service_.engine, call); });
  }

  ServerUnaryReactor* ReleaseSequence(CallbackServerContext* context, const ByteBuffer* in,
                                      ByteBuffer* out) override {
    return Start<v1::ReleaseSequenceRequest, v1::ReleaseSequenceResponse>(
        Method::kReleaseSequence, context, in, out,
        [this](auto& call) { RunRelease(*service_.engine, call); });
  }

  ServerUnaryReactor* GetServer(CallbackServerContext* context, const ByteBuffer* in,
                                ByteBuffer* out) override {
    return Start<v1::GetServerRequest, v1::GetServerResponse>(
        Method::kGetServer, context, in, out, [this](auto& call) { RunGetServer(service_, call); });
  }

 private:
  template <typename Request, typename Response, typename Handle>
  ServerUnaryReactor* Start(Method method, CallbackServerContext* context, const ByteBuffer* in,
                            ByteBuffer* out, Handle handle) {
    return UnaryCall<Request, Response>::Start(service_, method, *context, *in, *out, handle);
  }

  const ServiceContext service_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeSelectionService(const ServiceContext& service) {
  return std::make_unique<SelectionService>(service);
}

}  // namespace kvsift
