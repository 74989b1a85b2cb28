#include "server/rpc/health_service.h"

#include <atomic>
#include <memory>
#include <optional>
#include <utility>

#include "server/rpc/wire_fields.h"

namespace kvsift {
namespace {

using Status = HealthService::Status;

// HealthCheckRequest{service: string}.
constexpr int kServiceField = 1;
// HealthCheckResponse{status: enum}.
constexpr int kStatusField = 1;

grpc::ByteBuffer AnswerOf(Status status) {
  WireFields fields;
  fields.AddVarint(kStatusField, static_cast<uint64_t>(status));
  return BytesOf(fields);
}

// A call of either method: reads the name of a service.
class HealthCall : public CallReactor {
 public:
  HealthCall(std::unique_ptr<ServerCall> call, HealthService& health)
      : CallReactor(std::move(call)), health_(health) {}

  // Another thread may react before this returns.
  void Begin() { StartRead(&in_); }

 protected:
  HealthService& health_;

 private:
  virtual void OnService(const std::string& service) = 0;

  void OnReadDone(bool ok) final {
    WireFields fields;
    if (!ok || !ParseFields(in_, fields)) {
      return Finish(grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, "no HealthCheckRequest"));
    }
    const std::string* const service = FindText(fields, kServiceField);
    OnService(service == nullptr ? "" : *service);
  }

  grpc::ByteBuffer in_;
};

class Check final : public HealthCall {
 public:
  using HealthCall::HealthCall;

 private:
  void OnService(const std::string& service) override {
    const Status status = health_.Get(service);
    if (status != Status::kServiceUnknown) return FinishWith(AnswerOf(status));
    Finish(grpc::Status(grpc::StatusCode::NOT_FOUND, "unknown service"));
  }

  void OnDone() override { delete this; }
};

// Ends when the client, or the server, does.
class Watch final : public HealthCall, HealthService::Watcher {
 public:
  using HealthCall::HealthCall;

 private:
  void OnService(const std::string& service) override {
    service_ = service;
    is_watching_ = true;
    health_.Add(service_, *this);
    Continue();  // it may be over already
  }

  void OnStatus(Status status) override {
    {
      absl::MutexLock lock(&mutex_);
      next_ = status;
    }
    Continue();
  }

  void OnWriteDone(bool ok) override {
    {
      absl::MutexLock lock(&mutex_);
      is_writing_ = false;
      is_over_ |= !ok;
    }
    Continue();
  }

  void OnCancel() override {
    {
      absl::MutexLock lock(&mutex_);
      is_over_ = true;
    }
    Continue();
  }

  void OnDone() override {
    if (is_watching_) health_.Remove(service_, *this);
    delete this;
  }

  // Tells the last status, once what was told before is written; or ends.
  void Continue() {
    std::optional<Status> status;
    {
      absl::MutexLock lock(&mutex_);
      if (is_writing_ || has_finished_ || !is_watching_) return;
      if (is_over_) {
        has_finished_ = true;
      } else {
        status = std::exchange(next_, std::nullopt);
        if (!status.has_value()) return;
        is_writing_ = true;
      }
    }
    if (!status.has_value()) return Finish(grpc::Status::CANCELLED);
    StartWrite(AnswerOf(*status));
  }

  std::string service_;
  std::atomic<bool> is_watching_ = false;
  absl::Mutex mutex_;
  std::optional<Status> next_ ABSL_GUARDED_BY(mutex_);  // not told yet
  bool is_writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool is_over_ ABSL_GUARDED_BY(mutex_) = false;
  bool has_finished_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace

void HealthService::AddTo(MethodTable& methods) {
  const std::string service = std::string("/") + kHealthService;
  methods[service + "/Check"] = [this](std::unique_ptr<ServerCall> call) {
    (new Check(std::move(call), *this))->Begin();
  };
  methods[service + "/Watch"] = [this](std::unique_ptr<ServerCall> call) {
    (new Watch(std::move(call), *this))->Begin();
  };
}

void HealthService::Set(const std::string& service, bool is_serving) {
  const Status status = is_serving ? Status::kServing : Status::kNotServing;
  absl::MutexLock lock(&mutex_);
  Service& changed = services_[service];
  if (changed.status == status) return;
  changed.status = status;
  for (Watcher* watcher : changed.watchers) watcher->OnStatus(status);
}

Status HealthService::Get(const std::string& service) const {
  absl::MutexLock lock(&mutex_);
  const auto found = services_.find(service);
  return found == services_.end() ? Status::kServiceUnknown : found->second.status;
}

void HealthService::Add(const std::string& service, Watcher& watcher) {
  absl::MutexLock lock(&mutex_);
  Service& watched = services_[service];
  watched.watchers.insert(&watcher);
  watcher.OnStatus(watched.status);
}

void HealthService::Remove(const std::string& service, Watcher& watcher) {
  absl::MutexLock lock(&mutex_);
  const auto found = services_.find(service);
  found->second.watchers.erase(&watcher);
  // Whoever asks for services that do not exist leaves nothing behind.
  if (found->second.watchers.empty() && found->second.status == Status::kServiceUnknown) {
    services_.erase(found);
  }
}

}  // namespace kvsift
