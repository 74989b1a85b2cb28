#include "server/rpc/server.h"

#include <algorithm>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_format.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "kvsift/v1/echo.grpc.pb.h"
#include "kvsift/v1/selection.grpc.pb.h"
#include "server/engine/thread_pool.h"
#include "server/rpc/call_gate.h"
#include "server/rpc/call_log.h"
#include "server/rpc/call_server.h"
#include "server/rpc/echo_service.h"
#include "server/rpc/health_server.h"
#include "server/rpc/health_service.h"
#include "server/rpc/reflection_service.h"
#include "server/rpc/selection_service.h"
#include "server/rpc/server_backends.h"
#include "server/rpc/server_metrics.h"
#include "server/rpc/step_streams.h"
#include "server/rpc/unread_answers.h"

namespace kvsift {
namespace {

// How long answers that are complete may take to leave once all calls are done or cancelled.
constexpr absl::Duration kFlushTimeout = absl::Seconds(1);

// How long a drain goes on refusing calls, so that clients hear UNAVAILABLE and retry elsewhere:
// gRPC ends calls that reach it while it shuts down with CANCELLED, which says nothing.
constexpr absl::Duration kRefusalPeriod = absl::Milliseconds(100);

class GrpcServer final : public Server {
 public:
  GrpcServer(const ServerOptions& options, Logger& logger)
      : drain_timeout_(options.drain_timeout),
        on_failure_(options.on_failure),
        logger_(logger),
        call_log_(logger, absl::ToChronoNanoseconds(options.slow_call)),
        executor_(options.threads),
        unread_(options.limits.max_queued_bytes) {}

  ~GrpcServer() override { Stop(); }

  absl::Status Start(const ServerOptions& options) {
    auto made = MakeServerBackends(options, executor_, logger_);
    if (!made.ok()) return made.status();
    completions_ = std::move(made->completions);
    metrics_ = MakeServerMetrics(options, made->backends);
    engine_ = std::make_unique<Engine>(
        EngineOptions{.backends = std::move(made->backends),
                      .limits = options.limits,
                      .incarnation = options.incarnation,
                      .on_device_failure = [this](const absl::Status& why) { Fail(why); },
                      .on_drift = [this](const StoreDescription& store,
                                         const LevelDeviation& where) { Warn(store, where); },
                      .now = [] { return Clock::now(); },
                      .observer = metrics_.get(),
                      .executor = &executor_});
    service_ = {.engine = engine_.get(),
                .executor = &executor_,
                .gate = &gate_,
                .streams = &streams_,
                .unread = &unread_,
                .observer = metrics_.get(),
                .log = &call_log_,
                .max_message_bytes = options.max_message_bytes,
                .max_stream_steps = options.max_stream_steps};
    // Before a call can come: none meets a server that is about to give up.
    auto serving = ServeMetrics(options, metrics_.get(), *engine_, unread_);
    if (!serving.ok()) return serving.status();
    metrics_server_ = *std::move(serving);
    return Listen(options);
  }

  const std::vector<std::string>& addresses() const override { return server_->addresses(); }

  std::string metrics_address() const override {
    return metrics_server_ == nullptr ? std::string() : metrics_server_->address();
  }

  std::string health_address() const override {
    return health_server_ == nullptr ? std::string() : health_server_->address();
  }

  Engine& engine() override { return *engine_; }

  absl::Status failure() const override {
    absl::MutexLock lock(&health_mutex_);
    return failure_;
  }

  bool Shutdown() override {
    {
      absl::MutexLock lock(&health_mutex_);
      is_draining_ = true;
      ReportHealth();
    }
    gate_.Close();
    streams_.Drain();
    const absl::Time refused_until = absl::Now() + std::min(kRefusalPeriod, drain_timeout_);
    logger_.Log(LogLevel::kInfo, "draining");
    const bool is_drained = gate_.WaitUntilEmpty(drain_timeout_);
    if (!is_drained) logger_.Log(LogLevel::kWarning, "drain timeout: calls are cancelled");
    absl::SleepFor(refused_until - absl::Now());
    Stop();
    logger_.Log(LogLevel::kInfo, "stopped");
    return is_drained;
  }

 private:
  absl::Status Listen(const ServerOptions& options) {
    MethodTable methods;
    AddSelectionService(service_, methods);
    AddEchoService(options.limits.max_answer_bytes, methods);
    health_.AddTo(methods);
    AddReflectionService({v1::SelectionService::service_full_name(),
                          v1::EchoService::service_full_name(), kHealthService},
                         methods);
    auto server = CallServer::Start({.listen = options.listen,
                                     .max_message_bytes = options.max_message_bytes,
                                     .loop = {.helpers = options.call_threads - 1, .period = {}},
                                     .busy_poll = options.busy_poll},
                                    std::move(methods));
    if (!server.ok()) return server.status();
    server_ = *std::move(server);
    return ServeHealth(options.health_listen);
  }

  // From now on health says what is the case. Calls, and so failures, can come before this. The
  // port of health comes last, so that SERVING is true from its first answer.
  absl::Status ServeHealth(const std::string& port) {
    if (!port.empty()) {
      auto serving = HealthServer::Start(port);
      if (!serving.ok()) return serving.status();
      health_server_ = *std::move(serving);
    }
    absl::MutexLock lock(&health_mutex_);
    ReportHealth();
    return absl::OkStatus();
  }

  void ReportHealth() ABSL_EXCLUSIVE_LOCKS_REQUIRED(health_mutex_) {
    const bool is_ready = failure_.ok() && !is_draining_;
    ReportReadiness(health_, is_ready);
    if (health_server_ != nullptr) health_server_->Report(is_ready, failure_.ok());
  }

  // A device has failed. The owner of this server hears of it once, whatever else fails.
  void Fail(const absl::Status& why) {
    {
      absl::MutexLock lock(&health_mutex_);
      if (!failure_.ok()) return;
      failure_ = why;
      ReportHealth();
    }
    logger_.Log(LogLevel::kError, "device failed",
                {{"reason", std::string_view(why.message().data(), why.message().size())}});
    if (on_failure_) on_failure_();
  }

  // The keys of a store are not what its scales were measured on. Heard once per store.
  void Warn(const StoreDescription& store, const LevelDeviation& where) {
    logger_.Log(LogLevel::kWarning, "keys deviate from their scales",
                {{"store", std::string_view(store.config.name)},
                 {"layer", int64_t{where.layer_id}},
                 {"kv_head", int64_t{where.kv_head}},
                 {"deviation", std::string_view(absl::StrFormat("%.3f", where.deviation))},
                 {"limit", std::string_view(absl::StrFormat("%.3f", kLevelDeviationLimit))}});
  }

  void Stop() {
    gate_.Close();
    streams_.Drain();
    if (server_ == nullptr) return;
    server_->Shutdown(kFlushTimeout);
    // An engine's last callback may still be leaving its call.
    gate_.WaitUntilEmpty(absl::InfiniteDuration());
    streams_.WaitUntilEmpty();
  }

  const absl::Duration drain_timeout_;
  const std::function<void()> on_failure_;
  Logger& logger_;
  mutable absl::Mutex health_mutex_;
  absl::Status failure_ ABSL_GUARDED_BY(health_mutex_);
  bool is_draining_ ABSL_GUARDED_BY(health_mutex_) = false;
  HealthService health_;
  // In the order of use: each outlives those below it.
  CallLog call_log_;
  ThreadPool executor_;
  std::unique_ptr<Executor> completions_;
  CallGate gate_;
  StepStreams streams_;
  UnreadAnswers unread_;
  std::unique_ptr<Metrics> metrics_;
  std::unique_ptr<Engine> engine_;
  ServiceContext service_;
  std::unique_ptr<CallServer> server_;
  std::unique_ptr<HealthServer> health_server_;    // null without a port of its own
  std::unique_ptr<MetricsServer> metrics_server_;  // null without metrics, as metrics_ is
};

}  // namespace

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const ServerOptions& options,
                                                      Logger& logger) {
  auto server = std::make_unique<GrpcServer>(options, logger);
  absl::Status started = server->Start(options);
  if (!started.ok()) return started;
  return server;
}

}  // namespace kvsift
