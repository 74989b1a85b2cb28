#include "client/cpp/append_progress.h"

#include <algorithm>
#include <utility>

namespace kvsift::client {

AppendProgress::AppendProgress(const AppendRequest& request, int64_t positions, int attempts)
    : request_(request),
      positions_(positions),
      attempts_(attempts),
      cursors_(request.entries.size()) {
  for (size_t i = 0; i < cursors_.size(); ++i) {
    cursors_[i].next = request.entries[i].start;
    cursors_[i].attempts = attempts;
    cursors_[i].setbacks = attempts;
  }
}

bool AppendProgress::DependsOnAnswer() const {
  for (size_t i = 0; i < cursors_.size(); ++i) {
    if (cursors_[i].state != State::kSending || !request_.entries[i].expected_epoch) continue;
    // The first slice may create the sequence, and any may replace its tail: a new epoch.
    if (!cursors_[i].epoch || request_.on_conflict == ConflictRule::kReplaceTail) return true;
  }
  return false;
}

std::optional<uint64_t> AppendProgress::ExpectedEpoch(int32_t entry) const {
  const std::optional<uint64_t>& demanded = request_.entries[entry].expected_epoch;
  if (!demanded.has_value()) return std::nullopt;
  return cursors_[entry].epoch.value_or(*demanded);
}

std::vector<AppendMessage> AppendProgress::Plan(int limit) const {
  if (DependsOnAnswer()) limit = std::min(limit, 1);
  std::vector<int64_t> next;
  for (const Cursor& cursor : cursors_) next.push_back(cursor.next);
  std::vector<AppendMessage> messages;
  AppendMessage message;
  int64_t room = positions_;
  const auto finish_message = [&] {
    if (!message.empty()) messages.push_back(std::exchange(message, {}));
    room = positions_;
  };
  for (int32_t i = 0; i < std::ssize(cursors_); ++i) {
    if (cursors_[i].state != State::kSending) continue;
    const int64_t end = request_.entries[i].start + request_.entries[i].count;
    do {
      if (room == 0) finish_message();
      if (std::ssize(messages) == limit) return messages;
      const int64_t count = std::min(end - next[i], room);
      message.push_back({i, next[i], count, ExpectedEpoch(i)});
      next[i] += count;
      room -= std::max<int64_t>(count, 1);  // an entry without keys takes a little room, too
    } while (next[i] < end);
  }
  finish_message();
  return messages;
}

void AppendProgress::Advance(const AppendSlice& slice) {
  Cursor& cursor = cursors_[slice.entry];
  const AppendEntry& entry = request_.entries[slice.entry];
  cursor.next = slice.start + slice.count;
  cursor.attempts = attempts_;
  cursor.may_exist = false;
  if (cursor.next == entry.start + entry.count) cursor.state = State::kDone;
}

void AppendProgress::Stored(const AppendMessage& message) {
  for (const AppendSlice& slice : message) {
    Advance(slice);
    cursors_[slice.entry].length.reset();  // told by a later answer
  }
}

bool AppendProgress::Recovers(const AppendSlice& slice, const EntryError& error) {
  Cursor& cursor = cursors_[slice.entry];
  const AppendEntry& entry = request_.entries[slice.entry];
  switch (error.status.code()) {
    case absl::StatusCode::kUnavailable:
      return --cursor.attempts > 0;
    case absl::StatusCode::kFailedPrecondition:
      // A gap: the server holds less than it told before, but no less than we can bring.
      if (error.length >= slice.start || error.length < entry.start) return false;
      cursor.next = error.length;
      return --cursor.setbacks > 0;
    case absl::StatusCode::kAborted:
      // The answer that told of a new sequence was lost. If all keys are there under the epoch of
      // now, sending them again compares them and changes nothing.
      if (!cursor.may_exist || request_.on_conflict != ConflictRule::kFail ||
          error.length < slice.start + slice.count) {
        return false;
      }
      cursor.may_exist = false;
      cursor.epoch = error.epoch;
      return true;
    default:
      return false;
  }
}

bool AppendProgress::Answered(const AppendMessage& message, const std::vector<uint64_t>& epochs,
                              const std::vector<int64_t>& lengths,
                              const std::vector<EntryError>& errors) {
  std::vector<const EntryError*> error_of(message.size(), nullptr);
  for (const EntryError& error : errors) error_of[error.entry] = &error;
  bool unavailable = false;
  for (size_t i = 0; i < message.size(); ++i) {
    const AppendSlice& slice = message[i];
    Cursor& cursor = cursors_[slice.entry];
    const EntryError* error = error_of[i];
    if (error == nullptr) {
      Advance(slice);
      Tell(slice.entry, epochs[i], lengths[i]);
      continue;
    }
    if (Recovers(slice, *error)) {
      unavailable |= absl::IsUnavailable(error->status);
      continue;
    }
    cursor.state = State::kFailed;
    Tell(slice.entry, error->epoch, error->length);
    result_.errors.push_back(*error);
    result_.errors.back().entry = slice.entry;
  }
  return unavailable;
}

void AppendProgress::Lost(const AppendMessage& message) {
  for (const AppendSlice& slice : message) cursors_[slice.entry].may_exist = true;
}

std::vector<int32_t> AppendProgress::Untold() const {
  std::vector<int32_t> entries;
  for (int32_t i = 0; i < std::ssize(cursors_); ++i) {
    if (!cursors_[i].length) entries.push_back(i);
  }
  return entries;
}

void AppendProgress::Tell(int32_t entry, uint64_t epoch, int64_t length) {
  cursors_[entry].epoch = epoch;
  cursors_[entry].length = length;
}

AppendResult AppendProgress::TakeResult() {
  for (const Cursor& cursor : cursors_) {
    result_.epochs.push_back(cursor.epoch.value_or(0));
    result_.lengths.push_back(cursor.length.value_or(0));
  }
  std::sort(result_.errors.begin(), result_.errors.end(),
            [](const EntryError& a, const EntryError& b) { return a.entry < b.entry; });
  return std::move(result_);
}

}  // namespace kvsift::client
