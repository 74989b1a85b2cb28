// grpc.health.v1.Health: what a server says of its services, to those who ask and who watch.
// https://github.com/grpc/grpc/blob/master/doc/health-checking.md
#ifndef KVSIFT_SERVER_RPC_HEALTH_SERVICE_H_
#define KVSIFT_SERVER_RPC_HEALTH_SERVICE_H_

#include <cstdint>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/synchronization/mutex.h"
#include "server/rpc/server_call.h"

namespace kvsift {

inline constexpr char kHealthService[] = "grpc.health.v1.Health";

// Thread-safe.
class HealthService {
 public:
  enum class Status : uint8_t { kServing = 1, kNotServing = 2, kServiceUnknown = 3 };

  // Who wants to hear of changes.
  class Watcher {
   public:
    virtual void OnStatus(Status status) = 0;

   protected:
    ~Watcher() = default;
  };

  // Adds Check and Watch to `methods`; this outlives their calls.
  void AddTo(MethodTable& methods);

  // A service is unknown until this says what it is.
  void Set(const std::string& service, bool is_serving);

  Status Get(const std::string& service) const;

  // Tells the watcher how `service` is, and again when that changes, until Remove.
  void Add(const std::string& service, Watcher& watcher);
  void Remove(const std::string& service, Watcher& watcher);

 private:
  struct Service {
    Status status = Status::kServiceUnknown;
    absl::flat_hash_set<Watcher*> watchers;
  };

  mutable absl::Mutex mutex_;
  absl::flat_hash_map<std::string, Service> services_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace kvsift

#endif  // KVSIFT_SERVER_RPC_HEALTH_SERVICE_H_
