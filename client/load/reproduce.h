// Sends a wrong answer's question again.
#ifndef KVSIFT_CLIENT_LOAD_REPRODUCE_H_
#define KVSIFT_CLIENT_LOAD_REPRODUCE_H_

#include <string>

#include "absl/status/statusor.h"
#include "client/load/wrong_answer.h"

namespace kvsift::load {

struct Reproduction {
  bool differs = false;
  std::string text;  // what came out, in words
};

// Asks the question on the server, in a store of its own that is deleted again: all keys but the
// last one are appended, the last one comes with a step, as in decode. Compares with what the
// reference backend says now. Errors: of the calls.
absl::StatusOr<Reproduction> Reproduce(const std::string& server, const WrongAnswer& wrong,
                                       absl::Duration timeout);

}  // namespace kvsift::load

#endif  // KVSIFT_CLIENT_LOAD_REPRODUCE_H_
