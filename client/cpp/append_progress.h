// How far an append of many messages came.
//
// Cuts an append into messages and decides after each answer what is sent next. Knows no
// transport: the unary and the streaming calls, and the tests, drive it alike.
#ifndef KVSIFT_CLIENT_CPP_APPEND_PROGRESS_H_
#define KVSIFT_CLIENT_CPP_APPEND_PROGRESS_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "kvsift/append.h"

namespace kvsift::client {

// Positions [start, start + count) of one entry, part of one message.
struct AppendSlice {
  int32_t entry = 0;  // index into the request's entries
  int64_t start = 0;
  int64_t count = 0;
  std::optional<uint64_t> expected_epoch;

  bool operator==(const AppendSlice&) const = default;
};

using AppendMessage = std::vector<AppendSlice>;

class AppendProgress {
 public:
  // `positions` is what one message may carry, at least 1; `attempts` how often a slice is sent
  // or an entry set back before its error counts. The request outlives this.
  AppendProgress(const AppendRequest& request, int64_t positions, int attempts);

  // The next messages in order, at most `limit`, supposing that each succeeds; none when every
  // entry is done or has failed. Where a later message depends on the answer of an earlier one
  // (the epoch it must expect), there is only one.
  std::vector<AppendMessage> Plan(int limit) const;

  // A message's answer told of no trouble: all its slices are stored.
  void Stored(const AppendMessage& message);

  // A message's answer. errors[i].entry indexes the message. REQUIRES: epochs and lengths have an
  // element per slice.
  // Returns true if a slice has to be sent again because of UNAVAILABLE.
  bool Answered(const AppendMessage& message, const std::vector<uint64_t>& epochs,
                const std::vector<int64_t>& lengths, const std::vector<EntryError>& errors);

  // No answer came: the slices may be stored or not.
  void Lost(const AppendMessage& message);

  // Entries that are done but whose epoch and length no answer told.
  std::vector<int32_t> Untold() const;
  void Tell(int32_t entry, uint64_t epoch, int64_t length);

  AppendResult TakeResult();

 private:
  enum class State : uint8_t { kSending, kDone, kFailed };

  struct Cursor {
    State state = State::kSending;
    int64_t next = 0;               // first position that is not known to be stored
    int attempts = 0;               // left before an error counts; anew after each stored slice
    int setbacks = 0;               // left before falling behind counts as an error
    bool may_exist = false;         // an answer was lost since the last one that came
    std::optional<uint64_t> epoch;  // as an answer told
    std::optional<int64_t> length;
  };

  bool DependsOnAnswer() const;
  std::optional<uint64_t> ExpectedEpoch(int32_t entry) const;
  void Advance(const AppendSlice& slice);

  // True if the slice is to be sent again at once or later; else the entry has failed.
  bool Recovers(const AppendSlice& slice, const EntryError& error);

  const AppendRequest& request_;
  int64_t positions_;
  int attempts_;
  std::vector<Cursor> cursors_;  // [entries]
  AppendResult result_;
};

}  // namespace kvsift::client

#endif  // KVSIFT_CLIENT_CPP_APPEND_PROGRESS_H_
