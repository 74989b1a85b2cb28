// What every sequence of a run holds, for a pool that moves them.
#ifndef KVSIFT_CLIENT_LOAD_CONTENTS_H_
#define KVSIFT_CLIENT_LOAD_CONTENTS_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <span>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "client/load/content.h"
#include "client/load/vector_pool.h"
#include "kvsift/pool.h"

namespace kvsift::load {

// Thread-safe.
class Contents {
 public:
  // `pool` outlives this.
  explicit Contents(const VectorPool& pool) : pool_(pool) {}

  void Put(uint64_t id, Content content) {
    absl::MutexLock lock(&mutex_);
    contents_.insert_or_assign(id, std::move(content));
  }

  void Remove(uint64_t id) {
    absl::MutexLock lock(&mutex_);
    contents_.erase(id);
  }

  // As KeyProvider::read. Layer ids of a run's store are indices. Errors: NOT_FOUND.
  absl::Status Read(const client::KeyRange& range, std::span<std::byte> out) const {
    std::vector<std::byte> keys;
    {
      absl::MutexLock lock(&mutex_);
      const auto found = contents_.find(range.sequence_id);
      if (found == contents_.end()) {
        return absl::NotFoundError(absl::StrCat("no keys of sequence ", range.sequence_id));
      }
      found->second.CopyKeys(pool_, range.layer_id, range.start, range.count, keys);
    }
    std::memcpy(out.data(), keys.data(), out.size());
    return absl::OkStatus();
  }

 private:
  const VectorPool& pool_;
  mutable absl::Mutex mutex_;
  std::map<uint64_t, Content> contents_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace kvsift::load

#endif  // KVSIFT_CLIENT_LOAD_CONTENTS_H_
