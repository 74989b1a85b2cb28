#include "server/rpc/selection_service.h"

#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "kvsift/v1/selection.grpc.pb.h"
#include "server/rpc/calibrate_call.h"
#include "server/rpc/method_name.h"
#include "server/rpc/sequence_calls.h"
#include "server/rpc/step_call.h"
#include "server/rpc/step_stream.h"
#include "server/rpc/store_calls.h"
#include "server/rpc/stream_append.h"
#include "server/rpc/unary_call.h"

namespace kvsift {
namespace {

std::string PathOf(Method method) {
  return absl::StrCat("/", v1::SelectionService::service_full_name(), "/", MethodName(method));
}

class Registration {
 public:
  Registration(const ServiceContext& service, MethodTable& methods)
      : service_(service), methods_(methods) {}

  // Unary calls that run(call) answers.
  template <typename Request, typename Response, typename Run>
  void Add(Method method, Run run) {
    methods_[PathOf(method)] = [&service = service_, method,
                                run](std::unique_ptr<ServerCall> call) {
      UnaryCall<Request, Response>::Start(service, method, std::move(call), run);
    };
  }

  // The same, of the engine alone.
  template <typename Request, typename Response>
  void Add(Method method, void (*run)(Engine&, UnaryCall<Request, Response>&)) {
    Add<Request, Response>(method,
                           [run, engine = service_.engine](auto& call) { run(*engine, call); });
  }

  void AddStream(Method method, void (*start)(const ServiceContext&, std::unique_ptr<ServerCall>)) {
    methods_[PathOf(method)] = [&service = service_, start](std::unique_ptr<ServerCall> call) {
      start(service, std::move(call));
    };
  }

 private:
  const ServiceContext& service_;
  MethodTable& methods_;
};

}  // namespace

void AddSelectionService(const ServiceContext& service, MethodTable& methods) {
  Registration registration(service, methods);
  registration.Add(Method::kCreateStore, RunCreateStore);
  registration.Add(Method::kGetStore, RunGetStore);
  registration.Add(Method::kListStores, RunListStores);
  registration.Add(Method::kDeleteStore, RunDeleteStore);
  registration.Add<v1::CalibrateRequest, v1::CalibrateResponse>(
      Method::kCalibrate, [&service](auto& call) {
        RunCalibrate(*service.executor, service.engine->incarnation(), call);
      });
  registration.Add(Method::kAppendKeys, RunAppend);
  registration.AddStream(Method::kStreamAppendKeys, StartStreamAppend);
  registration.Add(Method::kSelect, RunSelect);
  registration.Add(Method::kStep, RunStep);
  registration.AddStream(Method::kStreamSteps, StartStepStream);
  registration.Add(Method::kGetSequence, RunGetSequence);
  registration.Add(Method::kListSequences, RunListSequences);
  registration.Add(Method::kTruncateSequence, RunTruncate);
  registration.Add(Method::kForkSequence, RunFork);
  registration.Add(Method::kReleaseSequence, RunRelease);
  registration.Add<v1::GetServerRequest, v1::GetServerResponse>(
      Method::kGetServer, [&service](auto& call) { RunGetServer(service, call); });
}

}  // namespace kvsift
