// What a pool makes of an answer.
#include "client/pool/placements.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace kvsift::client {
namespace {

TEST(Verdict, ServersAndConnectionsThatEndAreSuspect) {
  for (const absl::Status& status :
       {absl::UnavailableError("draining"), absl::CancelledError("shut down"),
        absl::UnknownError("Stream removed")}) {
    EXPECT_EQ(VerdictOf(status, 0, 0), Verdict::kSuspect) << status;
    EXPECT_EQ(VerdictOf(status, 10, 10), Verdict::kSuspect) << status;
  }
}

TEST(Verdict, WhatWasAcknowledgedAndIsNotThereIsLost) {
  EXPECT_EQ(VerdictOf(absl::NotFoundError(""), 0, 10), Verdict::kLost);
  EXPECT_EQ(VerdictOf(absl::FailedPreconditionError("a gap"), 9, 10), Verdict::kLost);
  EXPECT_EQ(VerdictOf(absl::OutOfRangeError("visible"), 9, 10), Verdict::kLost);
  EXPECT_EQ(VerdictOf(absl::OkStatus(), 9, 10), Verdict::kLost);
}

TEST(Verdict, TheRestIsTheCallers) {
  EXPECT_EQ(VerdictOf(absl::OkStatus(), 10, 10), Verdict::kSettled);
  EXPECT_EQ(VerdictOf(absl::OkStatus(), 12, 10), Verdict::kSettled);
  EXPECT_EQ(VerdictOf(absl::NotFoundError(""), 0, 0), Verdict::kSettled);
  EXPECT_EQ(VerdictOf(absl::FailedPreconditionError("a conflict"), 10, 10), Verdict::kSettled);
  EXPECT_EQ(VerdictOf(absl::OutOfRangeError("visible"), 10, 10), Verdict::kSettled);
  for (const absl::Status& status :
       {absl::InvalidArgumentError(""), absl::ResourceExhaustedError(""), absl::AbortedError(""),
        absl::DeadlineExceededError(""), absl::InternalError(""), absl::UnimplementedError("")}) {
    EXPECT_EQ(VerdictOf(status, 0, 10), Verdict::kSettled) << status;
  }
}

}  // namespace
}  // namespace kvsift::client
