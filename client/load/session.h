// A store on the server with its workers, for as many measurements as wanted.
#ifndef KVSIFT_CLIENT_LOAD_SESSION_H_
#define KVSIFT_CLIENT_LOAD_SESSION_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/load/run_context.h"
#include "client/load/trial.h"

namespace kvsift::load {

class Session {
 public:
  // Connects, makes the vectors and creates the store; `plan` outlives the session.
  // Errors: as Client::Connect and CreateStore; FAILED_PRECONDITION if a store of the plan's name
  // is there already.
  static absl::StatusOr<std::unique_ptr<Session>> Start(const Plan& plan);

  // Deletes the store.
  ~Session();

  // Appends the contexts of all workers and learns how large the calls are.
  // Errors: as Client::StreamAppend.
  absl::Status Prepare();

  Trial Measure(const TrialOptions& options);

  // Recomputes what is left of the share that is verified.
  void FinishVerification(const std::function<void(int64_t left)>& progress);

  // Deletes the store now. Errors: as Client::DeleteStore.
  absl::Status End();

  // Of several servers, the first; and all, as they are now.
  const client::ServerInfo& server() const { return server_; }
  std::vector<client::MemberInfo> members() const { return client_->Members(); }
  client::PoolCounts pool_counts() const { return client_->Counts(); }
  const MessageSizes& sizes() const { return context_->sizes; }
  const Verifier& verifier() const { return *verifier_; }
  Halt& halt() { return halt_; }
  int64_t key_bytes() const { return pool_->key_bytes(); }
  const client::StoreConfig& config() const { return context_->store.config; }

 private:
  explicit Session(const Plan& plan) : plan_(plan) {}

  absl::Status Connect();
  absl::Status MakePool();
  absl::Status CreateStore();
  void MakeWorkers();
  absl::Status LearnSizes();

  const Plan& plan_;
  Halt halt_;
  SteadyClock clock_;
  client::ServerInfo server_;
  std::unique_ptr<VectorPool> pool_;
  std::unique_ptr<Contents> contents_;
  std::unique_ptr<Pool> client_;
  client::StoreConfig config_;
  std::unique_ptr<Verifier> verifier_;
  bool has_store_ = false;
  std::unique_ptr<RunContext> context_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<std::unique_ptr<Worker>> beside_;       // prefill workers of the mixed scenario
  std::unique_ptr<client::BlockingThreads> threads_;  // ends first: its tasks use all of the above
};

}  // namespace kvsift::load

#endif  // KVSIFT_CLIENT_LOAD_SESSION_H_
