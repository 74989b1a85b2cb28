// Which granules of a device's page memory are free.
#ifndef KVSIFT_SERVER_ENGINE_GRANULE_MAP_H_
#define KVSIFT_SERVER_ENGINE_GRANULE_MAP_H_

#include <cstdint>
#include <map>

namespace kvsift {

// Hands out runs of neighbouring granules, lowest first, so that memory in use stays together.
// Thread-compatible.
class GranuleMap {
 public:
  // Granules 0 .. count - 1, all free.
  explicit GranuleMap(int64_t count);

  // The first granule of a free run of `count`, which is taken; or -1 if there is no such run.
  // REQUIRES: count >= 1.
  int64_t Take(int64_t count);

  // Makes granules [first, first + count) free. REQUIRES: all are taken.
  void Give(int64_t first, int64_t count);

 private:
  std::map<int64_t, int64_t> runs_;  // first granule -> length; no two runs touch
};

}  // namespace kvsift

#endif  // KVSIFT_SERVER_ENGINE_GRANULE_MAP_H_
