#include "server/options.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "proto/transport/completion_loop.h"
#include "server/config_file.h"
#include "server/device_list.h"
#include "server/option_values.h"

namespace kvsift {
namespace {

// What a config file says.
struct FileOptions {
  std::vector<std::string> arguments;  // as a command line
  OptionPlaces places;
};

// `earlier` are the lines that set options before, by key.
absl::Status CheckLine(const ConfigLine& line, const std::string& argument,
                       const std::map<std::string, int>& earlier) {
  if (!IsConfigKey(line.key)) {
    return absl::InvalidArgumentError(
        absl::StrCat("unknown option ", line.key, Suggestion(line.key)));
  }
  OptionValues alone;
  absl::Status valid = ParseOptionValues({argument}, alone).status();
  const auto found = earlier.find(line.key);
  if (!valid.ok() || found == earlier.end() || line.key == "listen") return valid;
  return absl::InvalidArgumentError(
      absl::StrCat(line.key, " is set in line ", found->second, " already; keep one of them"));
}

// Each line is checked by itself, so that an error names it. Options that the command line has,
// `given`, are checked and left out.
absl::StatusOr<FileOptions> ReadFileOptions(const std::string& path,
                                            const std::vector<std::string>& given) {
  const auto text = ReadConfigFile(path);
  if (!text.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("--config: ", text.status().message()));
  }
  const auto lines = ParseConfig(path, *text);
  if (!lines.ok()) return lines.status();
  FileOptions options;
  std::map<std::string, int> earlier;
  for (const ConfigLine& line : *lines) {
    const std::string where = absl::StrCat(path, ":", line.number);
    const std::string argument = absl::StrCat("--", line.key, "=", line.value);
    const absl::Status valid = CheckLine(line, argument, earlier);
    if (!valid.ok()) {
      return absl::InvalidArgumentError(absl::StrCat(where, ": ", valid.message()));
    }
    earlier.emplace(line.key, line.number);
    if (std::find(given.begin(), given.end(), line.key) != given.end()) continue;
    options.arguments.push_back(argument);
    options.places.Add(line.key, line.value, where);
  }
  return options;
}

LogLevel LevelOf(const std::string& name) {
  if (name == "debug") return LogLevel::kDebug;
  if (name == "warning") return LogLevel::kWarning;
  if (name == "error") return LogLevel::kError;
  return name == "off" ? LogLevel::kOff : LogLevel::kInfo;
}

absl::StatusOr<std::vector<int32_t>> DevicesOf(const OptionValues& values) {
  if (values.devices.empty()) return std::vector<int32_t>();
  if (values.backend != "auto" && values.backend != "cuda") {
    return absl::InvalidArgumentError(absl::StrCat("--devices: ", values.devices,
                                                   " with --backend ", values.backend,
                                                   ", expected cuda or auto"));
  }
  return ParseDeviceList(values.devices);
}

absl::StatusOr<ProgramOptions> Convert(const OptionValues& values) {
  const uint64_t max_answer = values.max_message - kAnswerReserveBytes;
  if (values.max_answer.value_or(max_answer) > max_answer) {
    return absl::InvalidArgumentError(
        absl::StrCat("--max-answer-bytes: ", *values.max_answer, ", expected at most ", max_answer,
                     " (--max-message-bytes less ", kAnswerReserveBytes, ")"));
  }
  auto devices = DevicesOf(values);
  if (!devices.ok()) return devices.status();
  ProgramOptions options;
  options.server.devices = *std::move(devices);
  options.server.listen = values.listen;
  if (options.server.listen.empty()) options.server.listen = {kDefaultListen};
  options.server.metrics_listen = values.metrics_listen;
  options.server.health_listen = values.health_listen;
  options.server.backend = values.backend;
  options.server.memory_bytes = static_cast<int64_t>(values.memory);
  options.server.grow_memory = values.grow_memory;
  options.server.threads = values.threads;
  options.server.max_message_bytes = static_cast<int64_t>(values.max_message);
  options.server.limits.max_k = values.max_k;
  options.server.limits.max_answer_bytes =
      static_cast<int64_t>(values.max_answer.value_or(max_answer));
  options.server.limits.max_sequence_length = values.max_sequence_length;
  options.server.limits.max_stores = values.max_stores;
  options.server.limits.max_queued_requests = values.max_queued_requests;
  options.server.limits.max_queued_bytes = static_cast<int64_t>(values.max_queued_bytes);
  options.server.max_stream_steps = values.max_stream_steps;
  options.server.drain_timeout = absl::Seconds(values.drain_seconds);
  options.server.call_threads = values.call_threads;
  // Both have been checked.
  absl::ParseDuration(values.busy_poll, &options.server.busy_poll);
  absl::ParseDuration(values.log_slow, &options.server.slow_call);
  options.log_level = LevelOf(values.log_level);
  options.log_format = values.log_format == "json" ? LogFormat::kJson : LogFormat::kText;
  options.check_only = values.check_config;
  return options;
}

}  // namespace

absl::StatusOr<std::variant<ProgramOptions, ProgramText>> ParseProgramOptions(
    const std::vector<std::string>& arguments, int processors) {
  OptionValues defaults;
  // Where threads that score have all processors, calls wait for one.
  defaults.threads = std::clamp(processors - processors / 4, 1, kMaxThreads);
  defaults.call_threads = CompletionLoop::HelpersFor(processors) + 1;
  OptionValues values = defaults;
  std::vector<std::string> given;
  auto text = ParseOptionValues(arguments, values, &given);
  if (!text.ok()) return text.status();
  if (text->has_value()) return ProgramText{**std::move(text)};
  FileOptions file;
  if (!values.config.empty()) {
    auto read = ReadFileOptions(values.config, given);
    if (!read.ok()) return read.status();
    file = *std::move(read);
    file.arguments.insert(file.arguments.end(), arguments.begin(), arguments.end());
    values = defaults;
    text = ParseOptionValues(file.arguments, values);
    if (!text.ok()) return text.status();
  }
  auto options = Convert(values);
  if (!options.ok()) {
    return absl::InvalidArgumentError(file.places.Locate(std::string(options.status().message())));
  }
  options->places = std::move(file.places);
  return *std::move(options);
}

}  // namespace kvsift
