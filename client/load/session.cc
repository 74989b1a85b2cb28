#include "client/load/session.h"

#include <unistd.h>

#include <algorithm>
#include <random>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/synchronization/blocking_counter.h"
#include "client/load/churn_worker.h"
#include "client/load/prefill_worker.h"
#include "client/load/step_worker.h"
#include "client/load/synthetic_vectors.h"
#include "client/trace/trace.h"

namespace kvsift::load {
namespace {

// Positions of synthetic vectors: enough that no two sequences of a run are alike, little enough
// to be made in a moment.
constexpr int64_t kPoolPositions = 4096;

constexpr int kMostThreads = 64;

std::string FreshName() {
  std::random_device random;
  return absl::StrFormat("load-%08x%08x", random(), random());
}

std::vector<Worker*> Views(const std::vector<std::unique_ptr<Worker>>& workers) {
  std::vector<Worker*> views;
  for (const auto& worker : workers) views.push_back(worker.get());
  return views;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Session>> Session::Start(const Plan& plan) {
  auto session = std::unique_ptr<Session>(new Session(plan));
  absl::Status status = session->Connect();
  if (status.ok()) status = session->MakePool();
  if (status.ok()) status = session->CreateStore();
  if (!status.ok()) return status;
  session->MakeWorkers();
  return session;
}

absl::Status Session::Connect() {
  client::PoolOptions options;
  options.client.channels = plan_.channels;
  options.client.busy_poll = plan_.busy_poll;
  options.client.max_steps_in_flight = std::max(options.client.max_steps_in_flight, plan_.lanes());
  // Of one server what fails is counted; the workers send it again.
  if (!plan_.is_pool()) options.client.attempts = 1;
  auto client = Pool::Connect(plan_.server, options, absl::Now() + plan_.timeout);
  if (!client.ok()) return client.status();
  client_ = *std::move(client);
  for (const client::MemberInfo& member : client_->Members()) {
    if (member.state != client::MemberState::kServing) continue;
    server_ = member.server;
    break;
  }
  return absl::OkStatus();
}

absl::Status Session::MakePool() {
  std::vector<RawLayer> layers;
  if (plan_.trace.empty()) {
    layers.push_back(SyntheticLayer(plan_.shape, kPoolPositions, plan_.seed));
  } else {
    const auto trace = trace::Trace::Open(plan_.trace);
    if (!trace.ok()) return trace.status();
    auto traced = RawLayersOf(*trace, plan_.shape);
    if (!traced.ok()) return traced.status();
    layers = *std::move(traced);
  }
  auto pool = VectorPool::Make({plan_.shape, plan_.policy.estimator, plan_.raw}, layers);
  if (!pool.ok()) return pool.status();
  pool_ = std::make_unique<VectorPool>(*std::move(pool));
  contents_ = std::make_unique<Contents>(*pool_);
  return absl::OkStatus();
}

absl::Status Session::CreateStore() {
  const absl::Time deadline = absl::Now() + plan_.timeout;
  config_.name = plan_.store.empty() ? FreshName() : plan_.store;
  for (int layer = 0; layer < plan_.shape.layers; ++layer) config_.layer_ids.push_back(layer);
  config_.kv_heads = plan_.shape.kv_heads;
  config_.query_heads = plan_.shape.query_heads;
  config_.head_dim = plan_.shape.head_dim;
  config_.key_bits = plan_.shape.key_bits;
  config_.key_scales = pool_->key_scales();
  // A store that somebody else fills must be neither measured nor deleted.
  if (client_->GetStore(config_.name, deadline).ok()) {
    return absl::FailedPreconditionError(
        absl::StrCat("--store: ", config_.name, " is there already"));
  }
  client::KeyProvider keys = {.raw = pool_->type(), .encode = client::EncodeOn::kServer};
  if (plan_.is_pool()) {
    keys.read = [this](const client::KeyRange& range, std::span<std::byte> out) {
      return contents_->Read(range, out);
    };
  }
  auto store = client_->CreateStore(config_, std::move(keys), deadline);
  if (!store.ok()) return store.status();
  has_store_ = true;
  threads_ = std::make_unique<client::BlockingThreads>(
      std::min(kMostThreads, plan_.lanes() + plan_.prefill_workers));
  const std::string folder = plan_.dump_dir.empty() ? "" : plan_.dump_dir + "/";
  verifier_ = std::make_unique<Verifier>(
      plan_, config_, *pool_, halt_,
      absl::StrCat(folder, "kvsift-load-wrong-answer-", ::getpid(), ".json"));
  context_ = absl::WrapUnique(new RunContext{plan_,
                                             *pool_,
                                             *contents_,
                                             clock_,
                                             *client_,
                                             *threads_,
                                             halt_,
                                             *verifier_,
                                             *std::move(store),
                                             {}});
  return absl::OkStatus();
}

void Session::MakeWorkers() {
  const Scenario scenario = plan_.scenario;
  for (int lane = 0; lane < plan_.lanes(); ++lane) {
    if (scenario == Scenario::kPrefill) {
      workers_.push_back(std::make_unique<PrefillWorker>(*context_, lane));
    } else if (scenario == Scenario::kChurn) {
      workers_.push_back(std::make_unique<ChurnWorker>(*context_, lane));
    } else {
      const auto kind = scenario == Scenario::kSelectOnly ? StepKind::kSelect : StepKind::kDecode;
      workers_.push_back(std::make_unique<StepWorker>(*context_, kind, lane));
    }
  }
  for (int i = 0; scenario == Scenario::kMixed && i < plan_.prefill_workers; ++i) {
    beside_.push_back(std::make_unique<PrefillWorker>(*context_, plan_.lanes() + i));
  }
}

absl::Status Session::LearnSizes() {
  const bool selects =
      plan_.scenario == Scenario::kSelectOnly || plan_.scenario == Scenario::kChurn;
  auto sizes = StepWorker(*context_, selects ? StepKind::kSelect : StepKind::kDecode, 0).Sizes();
  if (!sizes.ok()) return sizes.status();
  context_->sizes = *sizes;
  return absl::OkStatus();
}

absl::Status Session::Prepare() {
  const absl::Status sizes = LearnSizes();
  if (!sizes.ok()) return sizes;
  std::vector<Worker*> all = Views(workers_);
  for (Worker* worker : Views(beside_)) all.push_back(worker);
  std::vector<absl::Status> outcomes(all.size());
  absl::BlockingCounter left(static_cast<int>(all.size()));
  for (size_t i = 0; i < all.size(); ++i) {
    threads_->Post([&, i] {
      outcomes[i] = all[i]->Prepare();
      left.DecrementCount();
    });
  }
  left.Wait();
  for (const absl::Status& outcome : outcomes) {
    if (!outcome.ok()) return outcome;
  }
  return absl::OkStatus();
}

Trial Session::Measure(const TrialOptions& options) {
  return RunTrial(*context_, Views(workers_), Views(beside_), options);
}

void Session::FinishVerification(const std::function<void(int64_t left)>& progress) {
  verifier_->Finish(progress);
}

absl::Status Session::End() {
  if (!std::exchange(has_store_, false)) return absl::OkStatus();
  const absl::Status status = client_->DeleteStore(config_.name, absl::Now() + plan_.timeout);
  return absl::IsNotFound(status) ? absl::OkStatus() : status;
}

Session::~Session() { (void)End(); }

}  // namespace kvsift::load
