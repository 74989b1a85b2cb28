// The options of kvsift-server as the command line has them: names, defaults, ranges, what --help
// says of each.
#ifndef KVSIFT_SERVER_OPTION_VALUES_H_
#define KVSIFT_SERVER_OPTION_VALUES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/rpc/server.h"

namespace kvsift {

inline constexpr char kDefaultListen[] = "127.0.0.1:7600";
inline constexpr int kMaxThreads = 1024;

struct OptionValues {
  std::vector<std::string> listen;
  std::string metrics_listen;
  std::string health_listen;
  std::string config;
  bool check_config = false;
  std::string backend = "auto";
  std::string devices;
  uint64_t memory = ServerOptions().memory_bytes;
  bool grow_memory = false;
  int threads = 1;
  int32_t max_k = EngineLimits().max_k;
  std::optional<uint64_t> max_answer;
  uint64_t max_message = kDefaultMessageBytes;
  int64_t max_sequence_length = EngineLimits().max_sequence_length;
  int32_t max_stores = EngineLimits().max_stores;
  int64_t max_queued_requests = EngineLimits().max_queued_requests;
  uint64_t max_queued_bytes = EngineLimits().max_queued_bytes;
  int32_t max_stream_steps = ServerOptions().max_stream_steps;
  int call_threads = 1;
  std::string busy_poll = "100us";
  double drain_seconds = 30;
  std::string log_level = "info";
  std::string log_format = "text";
  std::string log_slow = "1s";
};

// Parses `arguments`, the program's name left out, into `values`. Returns text that was asked for
// instead of a run: --help or --version. `given` gets the names of the options that are there,
// without dashes, unless it is null.
// Errors: INVALID_ARGUMENT, naming the option, the value and what is expected.
absl::StatusOr<std::optional<std::string>> ParseOptionValues(
    const std::vector<std::string>& arguments, OptionValues& values,
    std::vector<std::string>* given = nullptr);

// True if a config file may set the option `key`, which is without dashes.
bool IsConfigKey(const std::string& key);

// "; is it OPTION?" with the option that looks like the unknown `key`, both with or both without
// dashes; empty if none does. For the end of a message.
std::string Suggestion(const std::string& key);

}  // namespace kvsift

#endif  // KVSIFT_SERVER_OPTION_VALUES_H_
