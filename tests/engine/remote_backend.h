// A test backend that behaves like a device far away.
//
// Its pages lie in memory of its own to which nobody else has a pointer. Submit only queues;
// threads of its own execute batches late and out of order, and tell observers in yet another
// order. It checks every batch (batch_checker.h), poisons pages that are dead, and computes
// with the reference backend when a batch executes, so that whatever changes under a batch in
// flight changes its results.
#ifndef KVSIFT_TESTS_ENGINE_REMOTE_BACKEND_H_
#define KVSIFT_TESTS_ENGINE_REMOTE_BACKEND_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "kernels/backend.h"

namespace kvsift {

struct RemoteOptions {
  int64_t memory_bytes = int64_t{16} << 20;
  uint32_t seed = 1;  // of the order in which batches execute and complete
  int threads = 2;
  // Hears of each broken promise, on any thread; prints and aborts by default.
  std::function<void(const std::string&)> on_violation;
};

// Thread-safe.
class RemoteBackend : public Backend {
 public:
  using Predicate = std::function<bool(const Batch&)>;

  // Batches submitted from now on that satisfy `held` wait for Release.
  virtual void Hold(Predicate held) = 0;
  // Lets held batches go and holds no more.
  virtual void Release() = 0;
  // How many batches wait for Release.
  virtual int64_t held() const = 0;

  // Loses the next `batches` batches: they end with UNAVAILABLE, the table entries that they set
  // are unusable and the positions that they write are garbage.
  virtual void Lose(int64_t batches) = 0;
  // Loses those that wait for Release.
  virtual void LoseHeld() = 0;
};

// A backend named "remote".
std::unique_ptr<RemoteBackend> CreateRemoteBackend(const RemoteOptions& options);

}  // namespace kvsift

#endif  // KVSIFT_TESTS_ENGINE_REMOTE_BACKEND_H_
