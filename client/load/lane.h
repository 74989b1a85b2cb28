// The sequences that one worker keeps calling for.
#ifndef KVSIFT_CLIENT_LOAD_LANE_H_
#define KVSIFT_CLIENT_LOAD_LANE_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "client/load/content.h"
#include "client/load/run_context.h"

namespace kvsift::load {

// Identifiers of sequences: 2^32 for each lane.
constexpr uint64_t SequenceId(int lane, uint64_t index) {
  return (static_cast<uint64_t>(lane) + 1) << 32 | index;
}

// Keys of one append: what is held in memory at once. A sequence of more is appended in pieces.
inline constexpr int64_t kAppendBytes = int64_t{64} << 20;

// Keys on their way into an append. A worker that appends much keeps one, for its memory.
struct AppendBuffer {
  std::vector<std::byte> keys;
  int64_t filled_ns = 0;  // of the last append, the time that making its keys took
};

// Appends positions [start, end) of all layers of a sequence. Blocks. Errors: as
// Client::StreamAppend, an entry's trouble included.
absl::Status AppendContent(RunContext& context, uint64_t id, const Content& content, int64_t start,
                           int64_t end, AppendBuffer& buffer);

// Not thread-safe: a worker has one call at a time.
class Lane {
 public:
  struct Member {
    uint64_t id = 0;
    uint64_t generation = 0;  // of its content: what is appended anew differs
    Content content;
  };

  Lane(RunContext& context, int index);

  const std::vector<Member>& members() const { return members_; }

  // Makes the store and the context of every sequence anew, whatever the server has. Blocks.
  absl::Status Rebuild();

  // Cuts every sequence back to its context; what follows will be other keys. Blocks.
  absl::Status RollBack();

  // Appends the key of `position` of every sequence to `keys`.
  void CopyKeys(int layer, int64_t position, std::vector<std::byte>& keys) const;

 private:
  uint64_t Salt(const Member& member) const;

  RunContext& context_;
  std::vector<Member> members_;
};

}  // namespace kvsift::load

#endif  // KVSIFT_CLIENT_LOAD_LANE_H_
