// Who belongs to a pool and who of them serves: looked up and checked again and again.
#ifndef KVSIFT_CLIENT_POOL_MEMBERSHIP_H_
#define KVSIFT_CLIENT_POOL_MEMBERSHIP_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "client/pool/health_probe.h"
#include "client/pool/member.h"
#include "kvsift/pool.h"

namespace kvsift::client {

// What a Membership tells and asks its pool. Called on one thread, without locks held.
struct MembershipListener {
  // Makes a member ready before it serves: its stores. It does not serve while this fails.
  std::function<absl::Status(Client& client)> prepare;
  // Others serve than before.
  std::function<void(ViewPtr view)> changed;
  // Calls to this member may stay without an answer.
  std::function<void(const MemberPtr& member)> lost;
};

// Thread-safe.
class Membership {
 public:
  // Nothing is known until the first check has ended. REQUIRES: CheckTarget(target) is OK, or
  // options.resolve is given.
  Membership(std::string target, const PoolOptions& options, MembershipListener listener);

  // Ends the members: waits for their calls.
  ~Membership();

  // Waits until a check that begins after this call has ended, or the deadline.
  void Check(absl::Time deadline);

  ViewPtr view() const;
  std::vector<MemberInfo> Members() const;

  // UNAVAILABLE, in the words of every member.
  absl::Status Trouble() const;

 private:
  // An address that was found.
  struct Watched {
    std::unique_ptr<HealthProbe> probe;
    MemberInfo info = {};
    int timeouts = 0;            // in a row
    MemberPtr member = nullptr;  // the server as it was last known; nullptr: never served
  };

  void Run();
  void Resolve();
  std::vector<Health> ProbeAll();
  void Judge(const std::string& address, Watched& watched, const Health& health);
  // Whether a member that serves has left a check without an answer.
  bool IsInDoubt() const;
  void Lose(Watched& watched, absl::Status why);
  void Join(const std::string& address, Watched& watched, const Health& health);
  void Publish();
  void DropRetired();
  bool IsWanted() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return has_ended_ || asked_ > answered_;
  }

  const std::string target_;
  const PoolOptions options_;
  const MembershipListener listener_;

  // Of the thread alone.
  std::map<std::string, Watched> watched_;
  std::vector<MemberPtr> lost_;     // to be told of
  std::vector<MemberPtr> retired_;  // until nobody else refers to them
  absl::Time resolve_time_ = absl::InfinitePast();

  mutable absl::Mutex mutex_;
  ViewPtr view_ ABSL_GUARDED_BY(mutex_) = std::make_shared<MembersView>();
  std::vector<MemberInfo> infos_ ABSL_GUARDED_BY(mutex_);
  absl::Status resolve_status_ ABSL_GUARDED_BY(mutex_);
  uint64_t asked_ ABSL_GUARDED_BY(mutex_) = 0;     // checks that somebody waits for
  uint64_t answered_ ABSL_GUARDED_BY(mutex_) = 0;  // of them, those that have ended
  bool has_ended_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace kvsift::client

#endif  // KVSIFT_CLIENT_POOL_MEMBERSHIP_H_
