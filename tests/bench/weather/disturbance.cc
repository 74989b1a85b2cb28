#include "tests/bench/weather/disturbance.h"

namespace kvsift::weather {

void Counts::AddCode(int code) {
  static constexpr const char* kNames[] = {"OK",
                                           "CANCELLED",
                                           "UNKNOWN",
                                           "INVALID_ARGUMENT",
                                           "DEADLINE_EXCEEDED",
                                           "NOT_FOUND",
                                           "ALREADY_EXISTS",
                                           "PERMISSION_DENIED",
                                           "RESOURCE_EXHAUSTED",
                                           "FAILED_PRECONDITION",
                                           "ABORTED",
                                           "OUT_OF_RANGE",
                                           "UNIMPLEMENTED",
                                           "INTERNAL",
                                           "UNAVAILABLE",
                                           "DATA_LOSS",
                                           "UNAUTHENTICATED"};
  Add(code >= 0 && code < static_cast<int>(std::size(kNames)) ? kNames[code] : "no code");
}

std::span<const Disturbance> Disturbances() {
  static constexpr Disturbance kAll[] = {
      {"spin", "busy processors and no calls: what the machine alone costs", RunSpin},
      {"unread", "clients that never read their large answers", RunUnread},
      {"vanish", "clients that go away mid-message and mid-answer", RunVanish},
      {"flood", "hundreds of expensive steps under way, and the largest raw appends", RunFlood},
      {"late", "steps and calls whose time is over when they arrive", RunLate},
      {"garbage", "bytes that are no HTTP/2, no message, or half of one", RunGarbage},
      {"stall", "clients that keep back the last byte of the largest messages", RunStall},
  };
  return kAll;
}

}  // namespace kvsift::weather
