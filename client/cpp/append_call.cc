#include "client/cpp/append_call.h"

#include <algorithm>
#include <memory>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/cpp/append_message.h"
#include "client/cpp/append_progress.h"
#include "client/cpp/append_stream.h"
#include "client/cpp/chunk_pool.h"
#include "client/cpp/convert.h"
#include "client/cpp/key_source.h"
#include "client/cpp/sizes.h"

namespace kvsift::client {
namespace {

// Messages of one client stream. Its answer is the only acknowledgement, so this is also what is
// sent again when one breaks.
constexpr int kStreamMessages = 64;

// Room in a message for what is not keys.
constexpr int64_t kMessageOverheadBytes = 64 << 10;

absl::StatusOr<int64_t> CheckedTokens(const AppendRequest& request) {
  int64_t tokens = 0;
  std::set<uint64_t> ids;
  for (int64_t i = 0; i < std::ssize(request.entries); ++i) {
    const AppendEntry& entry = request.entries[i];
    const absl::Status status = AddTokens("count", i, entry.count, tokens);
    if (!status.ok()) return status;
    if (entry.start < 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("entries[", i, "].start: ", entry.start, ", expected 0 or more"));
    }
    // Messages would not show it any more once the append is cut.
    if (!ids.insert(entry.sequence_id).second) {
      return absl::InvalidArgumentError(
          absl::StrCat("entries[", i, "].sequence_id: ", entry.sequence_id, " is named twice"));
    }
  }
  return tokens;
}

class AppendCall {
 public:
  AppendCall(Connection& connection, const Store& store, const AppendRequest& request,
             KeySource keys, int64_t positions, absl::Time deadline)
      : connection_(connection),
        store_(store),
        request_(request),
        keys_(std::move(keys)),
        progress_(request, positions, connection.options().attempts),
        deadline_(deadline) {
    int64_t first = 0;
    for (const AppendEntry& entry : request.entries) {
      first_token_.push_back(first);
      first += entry.count;
    }
  }

  absl::StatusOr<AppendResult> Run(AppendTransport transport) {
    const bool streams = transport == AppendTransport::kStream;
    Backoff backoff(connection_.options());
    int attempts = connection_.options().attempts;
    while (true) {
      const std::vector<AppendMessage> plan = progress_.Plan(streams ? kStreamMessages : 1);
      if (plan.empty()) break;
      const absl::StatusOr<bool> again = streams ? SendStream(plan) : SendUnary(plan[0]);
      if (again.ok() && !*again) {
        attempts = connection_.options().attempts;
        backoff.Reset();
        waits_for_ready_ = false;
        continue;
      }
      if (!again.ok()) {
        if (!absl::IsUnavailable(again.status()) || --attempts <= 0) return again.status();
        for (const AppendMessage& message : plan) progress_.Lost(message);
        waits_for_ready_ = true;
      }
      backoff.Wait(deadline_);
    }
    const absl::Status status = AskUntold();
    if (!status.ok()) return status;
    AppendResult result = progress_.TakeResult();
    result.server_incarnation = server_incarnation_;
    return result;
  }

 private:
  // All of a message but the keys themselves.
  v1::KeyBatch MakeBatch(const AppendMessage& message) const {
    v1::KeyBatch out;
    out.mutable_layer_ids()->Assign(request_.layer_ids.begin(), request_.layer_ids.end());
    for (const AppendSlice& slice : message) {
      out.add_sequence_ids(request_.entries[slice.entry].sequence_id);
      out.add_starts(slice.start);
      out.add_counts(slice.count);
    }
    SetExpectedEpochs(message, out.mutable_expected_epochs());
    out.set_element_type(ToProto(keys_.wire_type()));
    out.set_on_conflict(ToProto(request_.on_conflict));
    return out;
  }

  int64_t KeyBytes(const AppendMessage& message) const {
    int64_t tokens = 0;
    for (const AppendSlice& slice : message) tokens += slice.count;
    return tokens * keys_.position_bytes();
  }

  // `out` [KeyBytes(message)].
  void WriteKeys(const AppendMessage& message, std::span<std::byte> out) const {
    for (int layer = 0; layer < keys_.layers(); ++layer) {
      for (const AppendSlice& slice : message) {
        const int64_t into_entry = slice.start - request_.entries[slice.entry].start;
        const int64_t bytes = keys_.bytes(slice.count);
        keys_.Write(layer, first_token_[slice.entry] + into_entry, slice.count, out.first(bytes));
        out = out.subspan(bytes);
      }
    }
  }

  // A part of a stream; the first one names the store.
  grpc::ByteBuffer MakePart(const AppendMessage& message, bool is_first) {
    v1::StreamAppendKeysRequest request;
    if (is_first) {
      request.set_store(store_.config.name);
      request.set_fingerprint(store_.fingerprint);
    }
    return MakeAppendMessage(request, MakeBatch(message), KeyBytes(message), pool_,
                             [&](std::span<std::byte> keys) { WriteKeys(message, keys); });
  }

  void SetUp(grpc::ClientContext& context) const {
    SetDeadline(context, deadline_);
    context.set_wait_for_ready(waits_for_ready_);
  }

  // Records what became of the message; returns true if a part of it has to be sent again later.
  template <typename Response>
  absl::StatusOr<bool> Record(const AppendMessage& message, const Response& response) {
    const std::vector<EntryError> errors = ToEntryErrors(response.entry_errors());
    bool fits = response.epochs_size() == std::ssize(message) &&
                response.lengths_size() == std::ssize(message);
    for (const EntryError& error : errors) {
      fits = fits && error.entry >= 0 && error.entry < std::ssize(message) && !error.status.ok();
    }
    if (!fits) return absl::InternalError("the server's answer to an append is malformed");
    server_incarnation_ = response.server_incarnation();
    return progress_.Answered(message, {response.epochs().begin(), response.epochs().end()},
                              {response.lengths().begin(), response.lengths().end()}, errors);
  }

  absl::StatusOr<bool> SendUnary(const AppendMessage& message) {
    v1::AppendKeysRequest request;
    request.set_store(store_.config.name);
    request.set_fingerprint(store_.fingerprint);
    *request.mutable_keys() = MakeBatch(message);
    request.mutable_keys()->mutable_keys()->resize(KeyBytes(message));
    WriteKeys(message, std::as_writable_bytes(std::span(*request.mutable_keys()->mutable_keys())));
    grpc::ClientContext context;
    SetUp(context);
    v1::AppendKeysResponse response;
    const grpc::Status status = connection_.stub().AppendKeys(&context, request, &response);
    if (!status.ok()) return ToAbslStatus(status);
    return Record(message, response);
  }

  absl::StatusOr<bool> SendStream(const std::vector<AppendMessage>& plan) {
    AppendStream stream(connection_.channel(), deadline_, waits_for_ready_);
    for (size_t i = 0; i < plan.size(); ++i) {
      if (!stream.Write(MakePart(plan[i], i == 0))) break;  // the server has answered, or is gone
    }
    v1::StreamAppendKeysResponse response;
    const absl::Status status = stream.Finish(response);
    if (!status.ok()) return status;
    return RecordStream(plan, response);
  }

  // The answer tells of the last message that was handled; those before it are stored.
  absl::StatusOr<bool> RecordStream(const std::vector<AppendMessage>& plan,
                                    const v1::StreamAppendKeysResponse& response) {
    const int64_t handled = response.messages() + (response.entry_errors_size() > 0 ? 1 : 0);
    if (response.messages() < 0 || handled < 1 || handled > std::ssize(plan)) {
      return absl::InternalError(absl::StrCat(
          "the server's answer is malformed: ", response.messages(), " messages of ", plan.size()));
    }
    for (int64_t i = 0; i + 1 < handled; ++i) progress_.Stored(plan[i]);
    return Record(plan[handled - 1], response);
  }

  // Asks for epochs and lengths of entries that only messages in the middle of a stream carried.
  absl::Status AskUntold() {
    for (const int32_t entry : progress_.Untold()) {
      v1::GetSequenceRequest request;
      request.set_store(store_.config.name);
      request.set_sequence_id(request_.entries[entry].sequence_id);
      v1::GetSequenceResponse response;
      const absl::Status status =
          connection_
              .Send(deadline_,
                    [&](grpc::ClientContext& context) {
                      return connection_.stub().GetSequence(&context, request, &response);
                    })
              .status;
      if (!status.ok()) return status;
      int64_t length = 0;
      for (const v1::LayerLength& layer : response.sequence().layers()) {
        if (layer.layer_id() == request_.layer_ids[0]) length = layer.length();
      }
      progress_.Tell(entry, response.sequence().epoch(), length);
    }
    return absl::OkStatus();
  }

  Connection& connection_;
  const Store& store_;
  const AppendRequest& request_;
  KeySource keys_;
  ChunkPool pool_;
  AppendProgress progress_;
  absl::Time deadline_;
  std::vector<int64_t> first_token_;  // [entries], in the request's keys
  bool waits_for_ready_ = false;
  uint64_t server_incarnation_ = 0;
};

}  // namespace

absl::StatusOr<AppendResult> RunAppend(Connection& connection, int64_t message_bytes,
                                       AppendTransport transport, const Store& store,
                                       const AppendRequest& request, absl::Time deadline) {
  const absl::StatusOr<int64_t> tokens = CheckedTokens(request);
  if (!tokens.ok()) return tokens.status();
  absl::StatusOr<KeySource> keys =
      KeySource::Make(store, request.layer_ids, *tokens, request.keys, request.encode);
  if (!keys.ok()) return keys.status();
  const int64_t room = message_bytes - kMessageOverheadBytes;
  const int64_t position_bytes = std::max<int64_t>(keys->position_bytes(), 1);
  if (position_bytes > room) {
    return absl::InvalidArgumentError(
        absl::StrCat("layer_ids: one position of ", keys->layers(), " layers has ", position_bytes,
                     " bytes, a message at most ", room, "; append fewer layers at a time"));
  }
  const int64_t chunk = std::min(room, connection.options().append_chunk_bytes);
  AppendCall call(connection, store, request, *std::move(keys),
                  std::max<int64_t>(chunk / position_bytes, 1), deadline);
  return call.Run(transport);
}

}  // namespace kvsift::client
