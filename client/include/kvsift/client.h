// The client of a kvsift server.
//
//   auto client = kvsift::Client::Connect("localhost:50051", {}, deadline);
//   auto store = (*client)->CreateStore(config, deadline);
//   (*client)->Append(*store, {.layer_ids = {0}, .entries = ..., .keys = ...}, deadline);
//   auto selection = (*client)->Select(*store, {.layer_id = 0, ...}, deadline);
//
// Every call takes the time by which it must have ended and returns a status. A status that is
// not OK means that the message was refused, or that no answer came; GetErrorDetail (error.h)
// tells which field. Trouble with one entry of a batch is in the result's `errors`.
//
// Lost answers. Calls are sent again, with backoff, while the server or the way to it is
// UNAVAILABLE, until the deadline or Options::attempts: every mutation is safe to resend. A resent
// Release or Delete that finds nothing is OK.
//
// Steps. Selections and steps, waiting or not, travel over held streams, one per connection, on
// which many are under way at once. Each is answered by its deadline, if only with
// DEADLINE_EXCEEDED. The sequence of its first entry decides which connection a step takes: steps
// that begin with the same sequence run in the order of their calls.
//
// When a stream ends (the connection was lost, the server drains or restarts), its unanswered
// steps go to the next one in that order. A step that the server refused as UNAVAILABLE goes again
// too, and holds up those that were not sent yet; those sent behind it may meet the gap that it
// left and say so in their errors.
//
// Thread-safe. A client holds Options::channels connections and calls from many threads share
// them.
#ifndef KVSIFT_CLIENT_INCLUDE_KVSIFT_CLIENT_H_
#define KVSIFT_CLIENT_INCLUDE_KVSIFT_CLIENT_H_

#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "kvsift/append.h"
#include "kvsift/select.h"
#include "kvsift/store.h"

namespace kvsift::client {

struct Options {
  // Connections to the server. One carries what one process of a worker needs; several help where
  // megabytes of appends or answers travel beside steps.
  int channels = 1;
  // Steps and selections of one connection that are unanswered at once. More are refused with
  // RESOURCE_EXHAUSTED; synchronous calls wait until some are answered.
  int max_steps_in_flight = 1024;
  // Largest message sent or received, in bytes; the server's own limit counts too.
  int64_t max_message_bytes = int64_t{256} << 20;
  // Keys of one message of an append, in bytes: longer appends are cut. Small messages keep other
  // sequences' work flowing and cost little when one is lost.
  int64_t append_chunk_bytes = int64_t{1} << 20;
  // How often a call, or a part of a long one, is sent before its error counts. The end of a
  // stream counts for every step that waits for its answer or its turn.
  int attempts = 8;
  absl::Duration first_backoff = absl::Milliseconds(20);  // doubles, up to one second
  // Idle time after which a connection is probed, at least 10 s: proxies forget silent ones.
  absl::Duration keepalive = absl::Seconds(20);
  // How long the thread that hears of answers polls for one before it goes to sleep, while steps
  // are unanswered and their answers come within that time: it is awake when they do, at the price
  // of a processor for as long. Zero: it sleeps at once.
  absl::Duration busy_poll = absl::Microseconds(200);
  // Waits before a call that is no step is sent again; by default absl::SleepFor.
  std::function<void(absl::Duration)> wait = {};
};

// Keys to measure scales of.
struct CalibrateRequest {
  int32_t head_dim = 0;
  int32_t kv_heads = 0;
  int32_t layers = 0;
  int64_t tokens = 0;
  Vectors keys = {};  // raw [layers, tokens, kv_heads, head_dim] elements
};

using SelectionCallback = std::function<void(absl::StatusOr<SelectionResult>)>;

class Client {
 public:
  // Connects to "host:port" or "unix:/path" and asks the server for its limits.
  // Errors: INVALID_ARGUMENT if the address has another form; UNAVAILABLE at once if nobody
  // listens there.
  static absl::StatusOr<std::unique_ptr<Client>> Connect(const std::string& address,
                                                         Options options, absl::Time deadline);

  // Waits for calls in flight: their callbacks have returned when this does. Not to be called by a
  // callback.
  ~Client();

  // What the server is and has, now.
  absl::StatusOr<ServerInfo> GetServer(absl::Time deadline);

  // Creates a store, or returns the one of the same name and configuration.
  // Errors: ALREADY_EXISTS with another configuration, INVALID_ARGUMENT, RESOURCE_EXHAUSTED,
  // UNIMPLEMENTED.
  absl::StatusOr<Store> CreateStore(const StoreConfig& config, absl::Time deadline);

  // Errors: NOT_FOUND.
  absl::StatusOr<Store> GetStore(const std::string& name, absl::Time deadline);

  // All stores, ascending by name.
  absl::StatusOr<std::vector<Store>> ListStores(absl::Time deadline);

  // Deletes a store with its sequences. Errors: NOT_FOUND.
  absl::Status DeleteStore(const std::string& name, absl::Time deadline);

  // Key scales [layers, kv_heads] of raw keys. Sends layers one by one, so that only one layer's
  // keys have to fit into a message.
  // Errors: INVALID_ARGUMENT, naming the layer and head.
  absl::StatusOr<std::vector<float>> Calibrate(const CalibrateRequest& request,
                                               absl::Time deadline);

  // Appends keys in as many messages as they need. An entry whose answer was lost is sent again;
  // one that the server holds less of than it told before (it lost its tail, or was replaced by a
  // new process) continues from the server's length, if the request has the keys from there on.
  // An entry may therefore be partly applied when it fails: its error tells the length. The
  // layers of one entry advance together.
  // Errors: INVALID_ARGUMENT if sizes do not match, or one position exceeds a message; as the
  // proto's AppendKeys.
  absl::StatusOr<AppendResult> Append(const Store& store, const AppendRequest& request,
                                      absl::Time deadline);

  // The same over client streams: several messages on their way at once. For long prefills.
  absl::StatusOr<AppendResult> StreamAppend(const Store& store, const AppendRequest& request,
                                            absl::Time deadline);

  // Selects the best positions for each query token of each entry, at one layer.
  // Errors: INVALID_ARGUMENT, NOT_FOUND, FAILED_PRECONDITION, UNAVAILABLE, as the proto's Select;
  // RESOURCE_EXHAUSTED if the message is larger than both sides accept; UNIMPLEMENTED if the
  // server knows no StreamSteps.
  absl::StatusOr<SelectionResult> Select(const Store& store, const SelectRequest& request,
                                         absl::Time deadline);

  // Appends, then selects, in one round trip. Errors: as Select, and as the proto's AppendKeys.
  absl::StatusOr<SelectionResult> Step(const Store& store, const StepRequest& request,
                                       absl::Time deadline);

  // As Select and Step, without waiting. The request is copied before the call returns. `done` is
  // called exactly once, by the deadline, on another thread or, if the request is refused here,
  // before the call returns (for a call from within such a refusal, when that has returned). It
  // must not block, and may start other calls, but no synchronous ones.
  // Errors: also RESOURCE_EXHAUSTED at Options::max_steps_in_flight.
  void SelectAsync(const Store& store, const SelectRequest& request, absl::Time deadline,
                   SelectionCallback done);
  void StepAsync(const Store& store, const StepRequest& request, absl::Time deadline,
                 SelectionCallback done);

  // The same with a future in place of a callback.
  std::future<absl::StatusOr<SelectionResult>> SelectAsync(const Store& store,
                                                           const SelectRequest& request,
                                                           absl::Time deadline);
  std::future<absl::StatusOr<SelectionResult>> StepAsync(const Store& store,
                                                         const StepRequest& request,
                                                         absl::Time deadline);

  // Errors: NOT_FOUND.
  absl::StatusOr<Sequence> GetSequence(const std::string& store, uint64_t id, absl::Time deadline);

  // All sequences of a store, ascending by id. Errors: NOT_FOUND.
  absl::StatusOr<std::vector<Sequence>> ListSequences(const std::string& store,
                                                      absl::Time deadline);

  // Makes every layer min(its length, length).
  // Errors: NOT_FOUND, ABORTED if expected_epoch is not the current one.
  absl::StatusOr<Sequence> Truncate(const std::string& store, uint64_t id, int64_t length,
                                    std::optional<uint64_t> expected_epoch, absl::Time deadline);

  // Makes `child` share the first `length` positions of `parent`, without a copy. Returns the
  // child. expected_epoch is the parent's.
  // Errors: NOT_FOUND, ALREADY_EXISTS, ABORTED.
  absl::StatusOr<Sequence> Fork(const std::string& store, uint64_t parent, uint64_t child,
                                int64_t length, std::optional<uint64_t> expected_epoch,
                                absl::Time deadline);

  // Forgets a sequence. Errors: NOT_FOUND, ABORTED.
  absl::Status Release(const std::string& store, uint64_t id,
                       std::optional<uint64_t> expected_epoch, absl::Time deadline);

 private:
  class Impl;
  explicit Client(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace kvsift::client

namespace kvsift {
using client::Client;
}  // namespace kvsift

#endif  // KVSIFT_CLIENT_INCLUDE_KVSIFT_CLIENT_H_
