// The floor of gRPC: the same bytes, over the same kind of connection, with no work behind them.
#ifndef KVSIFT_CLIENT_LOAD_ECHO_H_
#define KVSIFT_CLIENT_LOAD_ECHO_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/load/floors.h"
#include "client/load/message_sizes.h"

namespace kvsift::load {

struct EchoOptions {
  std::string address;
  int channels = 1;     // connections, each with one held stream
  int outstanding = 1;  // calls under way at once over all of them
  MessageSizes sizes;   // of a call
  absl::Duration busy_poll;
  absl::Duration duration;
};

// Calls of EchoService.StreamEcho, each sent when the answer to an earlier one is there. Nothing
// is serialized or parsed on this side.
// Errors: UNIMPLEMENTED if the server has no such service; as the stream ended.
absl::StatusOr<Floor> MeasureEcho(const EchoOptions& options);

struct DiscardOptions {
  std::string address;
  int channels = 1;
  int outstanding = 1;        // client streams at once
  int64_t append_bytes = 0;   // over one stream
  int64_t message_bytes = 0;  // most in one message
  absl::Duration duration;
};

// Streams of EchoService.StreamDiscard: appends without their work. A latency is that of a whole
// stream. Errors: as MeasureEcho.
absl::StatusOr<Floor> MeasureDiscard(const DiscardOptions& options);

}  // namespace kvsift::load

#endif  // KVSIFT_CLIENT_LOAD_ECHO_H_
