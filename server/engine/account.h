// Who pays for pages.
#ifndef KVSIFT_SERVER_ENGINE_ACCOUNT_H_
#define KVSIFT_SERVER_ENGINE_ACCOUNT_H_

#include <cstdint>

namespace kvsift {

// What pages are charged to: a store. A page that forks share is charged once. Guarded by the
// mutex of the shard whose pool charges it.
struct Account {
  int64_t resident_bytes = 0;
};

}  // namespace kvsift

#endif  // KVSIFT_SERVER_ENGINE_ACCOUNT_H_
