#include "server/engine/engine.h"

#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/engine/entry_status.h"
#include "server/engine/field_error.h"
#include "server/engine/lifecycle.h"
#include "server/engine/lifecycle_work.h"
#include "server/engine/mutex.h"
#include "server/engine/queue_limit.h"
#include "server/engine/shard.h"
#include "server/engine/step_operation.h"
#include "server/engine/step_shape.h"
#include "server/engine/store.h"
#include "server/engine/store_config.h"

namespace kvsift {

// The shards and the stores by name. Lock order: this mutex, then a shard's.
class Engine::Impl {
 public:
  explicit Impl(EngineOptions options)
      : limits_(options.limits),
        incarnation_(options.incarnation),
        queue_(options.limits),
        on_drift_(options.on_drift) {
    for (auto& backend : options.backends) {
      shards_.push_back(std::make_unique<Shard>(
          std::move(backend), Scheduler::Options{.shard = static_cast<int>(shards_.size()),
                                                 .on_failure = options.on_device_failure,
                                                 .now = options.now,
                                                 .observer = options.observer,
                                                 .executor = options.executor}));
    }
  }

  const EngineLimits& limits() const { return limits_; }
  uint64_t incarnation() const { return incarnation_; }
  const std::vector<std::unique_ptr<Shard>>& shards() const { return shards_; }
  QueueLimit& queue() { return queue_; }

  // Counts a mutation without data: starts it with a `done` that ends the count, or refuses it.
  void StartCounted(std::string_view store, std::function<void(MutationResult)> done,
                    const std::function<void(std::shared_ptr<Store>,
                                             std::function<void(MutationResult)>)>& start) {
    auto found = Find(store);
    absl::Status admitted = found.status();
    if (admitted.ok()) admitted = queue_.Enter(LifecycleWork::kClient, 0);
    if (!admitted.ok()) return done({.status = std::move(admitted), .epoch = 0, .lengths = {}});
    start(*std::move(found), [this, done = std::move(done)](MutationResult result) {
      queue_.Leave(LifecycleWork::kClient, 0);
      done(std::move(result));
    });
  }

  absl::StatusOr<std::shared_ptr<Store>> Find(std::string_view name) const {
    MutexLock lock(mutex_);
    const auto found = stores_.find(name);
    if (found == stores_.end()) return UnknownStore(name);
    return found->second;
  }

  // REQUIRES: config is valid.
  absl::StatusOr<std::shared_ptr<Store>> Create(const StoreConfig& config) {
    MutexLock lock(mutex_);
    const auto found = stores_.find(config.name);
    if (found != stores_.end()) {
      if (found->second->config() == config) return found->second;
      return FieldError(absl::StatusCode::kAlreadyExists, "config.name", config.name,
                        "a new name or the configuration it already has");
    }
    if (std::ssize(stores_) >= limits_.max_stores) {
      return FieldError(absl::StatusCode::kResourceExhausted, "config",
                        absl::StrCat("store ", stores_.size() + 1),
                        absl::StrCat("at most ", limits_.max_stores, " stores"));
    }
    Shard& shard = *shards_[config.device];
    auto store =
        Store::Create(config, *shard.backend, shard.scheduler, limits_.max_page_bytes, on_drift_);
    shard.scheduler.ReportFailure(store.status());
    if (store.ok()) stores_.emplace(config.name, *store);
    return store;
  }

  absl::StatusOr<std::shared_ptr<Store>> Remove(std::string_view name) {
    MutexLock lock(mutex_);
    const auto found = stores_.find(name);
    if (found == stores_.end()) return UnknownStore(name);
    std::shared_ptr<Store> store = std::move(found->second);
    stores_.erase(found);
    return store;
  }

  std::vector<std::shared_ptr<Store>> List(std::string_view after, int limit) const {
    std::vector<std::shared_ptr<Store>> stores;
    MutexLock lock(mutex_);
    for (auto entry = stores_.upper_bound(after);
         entry != stores_.end() && std::ssize(stores) < limit; ++entry) {
      stores.push_back(entry->second);
    }
    return stores;
  }

 private:
  const EngineLimits limits_;
  const uint64_t incarnation_;
  QueueLimit queue_;
  const DriftCallback on_drift_;
  std::vector<std::unique_ptr<Shard>> shards_;  // outlive the stores; wait for work in flight
  mutable Mutex mutex_;
  std::map<std::string, std::shared_ptr<Store>, std::less<>> stores_ ABSL_GUARDED_BY(mutex_);
};

namespace {

StoreInfo InfoOf(const Store& store) {
  StoreInfo info{*store.description()};
  store.scheduler().Inspect([&](const PagePool&) {
    info.sequences = store.sequences();
    info.positions = store.positions();
    info.resident_bytes = store.account().resident_bytes;
  });
  info.level_counts = store.levels().Counts();
  info.deviation = store.LargestDeviation();
  return info;
}

SequenceInfo InfoOf(const SequenceSlot& slot) {
  return {.id = slot.id,
          .epoch = slot.sequence->epoch,
          .lengths = slot.sequence->lengths,
          .pages = std::ssize(slot.sequence->pages)};
}

}  // namespace

Engine::Engine(EngineOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}
Engine::~Engine() = default;

const EngineLimits& Engine::limits() const { return impl_->limits(); }
uint64_t Engine::incarnation() const { return impl_->incarnation(); }

std::vector<ShardInfo> Engine::Shards() const {
  std::vector<ShardInfo> infos;
  for (const auto& shard : impl_->shards()) infos.push_back(shard->Info());
  return infos;
}

absl::StatusOr<StoreInfo> Engine::CreateStore(const StoreConfig& config) {
  absl::Status status = ValidateStoreConfig(config, static_cast<int32_t>(impl_->shards().size()));
  if (!status.ok()) return status;
  const auto store = impl_->Create(config);
  if (!store.ok()) return store.status();
  return InfoOf(**store);
}

absl::StatusOr<StoreInfo> Engine::GetStore(std::string_view name) const {
  const auto store = impl_->Find(name);
  if (!store.ok()) return store.status();
  return InfoOf(**store);
}

absl::StatusOr<std::shared_ptr<const StoreDescription>> Engine::DescribeStore(
    std::string_view name) const {
  const auto store = impl_->Find(name);
  if (!store.ok()) return store.status();
  return (*store)->description();
}

std::vector<StoreInfo> Engine::ListStores(std::string_view after, int limit) const {
  std::vector<StoreInfo> infos;
  for (const auto& store : impl_->List(after, limit)) infos.push_back(InfoOf(*store));
  return infos;
}

absl::Status Engine::DeleteStore(std::string_view name) {
  const auto store = impl_->Remove(name);
  if (store.ok()) ReleaseAll(*store);
  return store.status();
}

absl::StatusOr<SequenceInfo> Engine::GetSequence(std::string_view store, uint64_t id) const {
  const auto found = impl_->Find(store);
  if (!found.ok()) return found.status();
  absl::StatusOr<SequenceInfo> info = UnknownSequence(id);
  (*found)->scheduler().Inspect([&](const PagePool&) {
    if (const SequenceSlot* slot = (*found)->Find(id)) info = InfoOf(*slot);
  });
  return info;
}

absl::StatusOr<std::vector<SequenceInfo>> Engine::ListSequences(std::string_view store,
                                                                std::optional<uint64_t> after,
                                                                int limit) const {
  const auto found = impl_->Find(store);
  if (!found.ok()) return found.status();
  std::vector<SequenceInfo> infos;
  // Nothing comes after the largest id.
  if (after == UINT64_MAX || limit <= 0) return infos;
  (*found)->scheduler().Inspect([&](const PagePool&) {
    (*found)->Visit(after.has_value() ? *after + 1 : 0, [&](const SequenceSlot& slot) {
      infos.push_back(InfoOf(slot));
      return std::ssize(infos) < limit;
    });
  });
  return infos;
}

QueueUse Engine::Queue() const { return impl_->queue().use(); }

void Engine::Step(const StepRequest& request, AnswerSink* sink,
                  std::function<void(StepResult)> done) {
  auto store = impl_->Find(request.store);
  if (!store.ok()) return done({.status = store.status(), .entries = {}});
  auto shape = ResolveStep(request, **store, limits());
  if (!shape.ok()) return done({.status = shape.status(), .entries = {}});
  StepOperation::Start(*std::move(store), request, *std::move(shape), limits().max_sequence_length,
                       impl_->queue(), sink, std::move(done));
}

void Engine::Truncate(std::string_view store, uint64_t id, std::optional<uint64_t> expected_epoch,
                      int64_t length, std::function<void(MutationResult)> done) {
  impl_->StartCounted(store, std::move(done), [&](auto found, auto counted) {
    StartTruncate(std::move(found), id, expected_epoch, length, std::move(counted));
  });
}

void Engine::Fork(std::string_view store, uint64_t parent, uint64_t child,
                  std::optional<uint64_t> expected_epoch, int64_t length,
                  std::function<void(MutationResult)> done) {
  impl_->StartCounted(store, std::move(done), [&](auto found, auto counted) {
    StartFork(std::move(found), parent, child, expected_epoch, length, std::move(counted));
  });
}

void Engine::Release(std::string_view store, uint64_t id, std::optional<uint64_t> expected_epoch,
                     std::function<void(MutationResult)> done) {
  impl_->StartCounted(store, std::move(done), [&](auto found, auto counted) {
    StartRelease(std::move(found), id, expected_epoch, std::move(counted));
  });
}

}  // namespace kvsift
