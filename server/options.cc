#include "server/options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "kernels/backends.h"
#include "server/config_file.h"
#include "server/device_list.h"
#include "server/rpc/listen_address.h"
#include "server/rpc/version.h"

namespace kvsift {
namespace {

constexpr char kDefaultListen[] = "127.0.0.1:7600";
constexpr uint64_t kMiB = uint64_t{1} << 20;
constexpr uint64_t kMaxMemoryBytes = uint64_t{1} << 46;
constexpr int kMaxThreads = 1024;
constexpr double kMaxDrainSeconds = 86400;
constexpr char kFooter[] =
    "\nSIZE is a number of bytes, with K, M, G or KiB, MiB, GiB for powers of 1024.\n"
    "A config file has one option a line, `key = value`, without the dashes; the command line\n"
    "wins over it. When it is ready to serve, the server prints `listening on ADDRESS` for each\n"
    "--listen, then `metrics on ADDRESS` and `health on ADDRESS`, on standard output; it logs to\n"
    "standard error.\n"
    "SIGTERM and SIGINT drain calls in flight and end the server; a second one ends it at once.\n"
    "Exit codes: 0 after a clean shutdown, 1 if it cannot start or run, 2 for bad options, 3 if a\n"
    "device failed: start it again.";

// Values as the command line has them.
struct Values {
  std::vector<std::string> listen;
  std::string metrics_listen;
  std::string health_listen;
  std::string config;
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
  double drain_seconds = 30;
  std::string log_level = "info";
  std::string log_format = "text";
};

CLI::Option* AddSize(CLI::App& app, const char* name, uint64_t& value, uint64_t min, uint64_t max,
                     const std::string& description) {
  return app.add_option(name, value, description)
      ->transform(CLI::AsSizeValue(false).description(""))
      ->check(CLI::Range(min, max))
      ->type_name("SIZE");
}

std::vector<std::string> KnownBackends() {
  std::vector<std::string> names = BackendNames();
  names.insert(names.begin(), "auto");
  return names;
}

CLI::Validator ListenCheck(absl::StatusOr<ListenAddress> (*parse)(const std::string&)) {
  return CLI::Validator(
      [parse](std::string& text) {
        const auto address = parse(text);
        return address.ok() ? std::string() : std::string(address.status().message());
      },
      "");
}

CLI::Validator DevicesCheck() {
  return CLI::Validator(
      [](std::string& text) {
        const auto devices = ParseDeviceList(text);
        return devices.ok() ? std::string() : std::string(devices.status().message());
      },
      "");
}

// Where pages live and who works on them.
void AddDevices(CLI::App& app, Values& values) {
  app.add_option("--backend", values.backend, "auto: the fastest that works here")
      ->check(CLI::IsMember(KnownBackends()))
      ->capture_default_str();
  app.add_option("--devices", values.devices,
                 "Numbers of GPUs, such as 0,1: one shard on each; a store names its device by its "
                 "place in this list [0 with cuda]")
      ->check(DevicesCheck())
      ->type_name("LIST");
  AddSize(app, "--memory", values.memory, kMiB, kMaxMemoryBytes,
          "Cap on memory for key codes, on each device; a GPU reserves all of it at the start, "
          "others take it from the system as it is used [1GiB]");
  app.add_flag("--grow-memory", values.grow_memory,
               "Take the memory of GPUs as keys arrive, up to --memory, not all at the start: what "
               "others have taken by then cannot be had");
  app.add_option("--threads", values.threads, "Threads that score [one per processor]")
      ->check(CLI::Range(1, kMaxThreads));
}

void AddLimits(CLI::App& app, Values& values) {
  app.add_option("--max-k", values.max_k, "Largest k of a policy")
      ->check(CLI::Range(1, std::numeric_limits<int32_t>::max()))
      ->capture_default_str();
  AddSize(app, "--max-message-bytes", values.max_message, kMinMessageBytes, kMaxMessageBytes,
          "Largest message, in both directions [64MiB]");
  app.add_option_function<uint64_t>(
         "--max-answer-bytes", [&values](const uint64_t& bytes) { values.max_answer = bytes; },
         "Largest answer; at least 8 MiB less than a message [that much less]")
      ->transform(CLI::AsSizeValue(false).description(""))
      ->check(CLI::Range(uint64_t{1}, static_cast<uint64_t>(kMaxMessageBytes)))
      ->type_name("SIZE");
  app.add_option("--max-sequence-length", values.max_sequence_length,
                 "Most positions of one layer of a sequence")
      ->check(CLI::Range(int64_t{1}, int64_t{std::numeric_limits<int32_t>::max()}))
      ->capture_default_str();
  app.add_option("--max-queued-requests", values.max_queued_requests,
                 "Most requests of all clients that are unanswered at once; more are UNAVAILABLE")
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str();
  AddSize(app, "--max-queued-bytes", values.max_queued_bytes, kMiB, kMaxMemoryBytes,
          "Most bytes of those requests and their answers, and of answers that clients do not "
          "read [1GiB]");
  app.add_option("--max-stream-steps", values.max_stream_steps,
                 "Most unanswered steps of one held stream; it is not read beyond them")
      ->check(CLI::Range(1, 1 << 16))
      ->capture_default_str();
  app.add_option("--max-stores", values.max_stores, "Most stores")
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str();
}

void AddLogging(CLI::App& app, Values& values) {
  app.add_option("--log-level", values.log_level, "Least level that is logged")
      ->check(CLI::IsMember({"debug", "info", "warning", "error", "off"}))
      ->capture_default_str();
  app.add_option("--log-format", values.log_format, "Form of log lines")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
}

void Describe(CLI::App& app, Values& values) {
  app.option_defaults()->take_last();
  app.add_option("--listen", values.listen,
                 absl::StrCat("HOST:PORT (port 0: any free one) or unix:PATH; may be given "
                              "several times [",
                              kDefaultListen, "]"))
      ->check(ListenCheck(ParseListenAddress))
      ->take_all()
      ->allow_extra_args(false)
      ->type_name("ADDRESS");
  app.add_option("--metrics-listen", values.metrics_listen,
                 "HOST:PORT (port 0: any free one) where GET /metrics is answered over HTTP, for "
                 "Prometheus [off]")
      ->check(ListenCheck(ParseIpv4Address))
      ->type_name("ADDRESS");
  app.add_option("--health-listen", values.health_listen,
                 "HOST:PORT (port 0: any free one) or unix:PATH where grpc.health.v1 is answered "
                 "and nothing else, for liveness and readiness probes [off]")
      ->check(ListenCheck(ParseListenAddress))
      ->type_name("ADDRESS");
  app.add_option("--config", values.config, "File with the same options")->type_name("FILE");
  AddDevices(app, values);
  AddLimits(app, values);
  app.add_option("--drain-timeout", values.drain_seconds,
                 "Seconds that calls in flight may take at shutdown")
      ->check(CLI::Range(0.0, kMaxDrainSeconds))
      ->capture_default_str();
  AddLogging(app, values);
  app.set_version_flag("--version", absl::StrCat("kvsift-server ", kVersion));
  app.footer(kFooter);
}

// Parses `arguments` into `values`; text instead if it was asked for.
absl::StatusOr<std::optional<ProgramText>> Parse(const std::vector<std::string>& arguments,
                                                 Values& values) {
  CLI::App app("Serves kvsift: which past tokens should a query attend to?", "kvsift-server");
  Describe(app, values);
  try {
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));  // as CLI11 pops
  } catch (const CLI::CallForHelp&) {
    return ProgramText{app.help()};
  } catch (const CLI::CallForVersion&) {
    return ProgramText{app.version() + "\n"};
  } catch (const CLI::ParseError& error) {
    return absl::InvalidArgumentError(error.what());
  }
  return std::nullopt;
}

bool IsConfigKey(const std::string& key) {
  Values values;
  CLI::App app;
  Describe(app, values);
  return key != "config" && key != "help" && key != "version" &&
         app.get_option_no_throw("--" + key) != nullptr;
}

// The config file's options as arguments, each checked by itself so that an error names its line.
absl::StatusOr<std::vector<std::string>> ConfigArguments(const std::string& path, bool has_listen) {
  const auto text = ReadConfigFile(path);
  if (!text.ok()) return absl::InvalidArgumentError(text.status().message());
  const auto lines = ParseConfig(path, *text);
  if (!lines.ok()) return lines.status();
  std::vector<std::string> arguments;
  for (const ConfigLine& line : *lines) {
    const std::string where = absl::StrCat(path, ":", line.number, ": ");
    if (!IsConfigKey(line.key)) {
      return absl::InvalidArgumentError(absl::StrCat(where, "unknown option ", line.key));
    }
    const std::string argument = absl::StrCat("--", line.key, "=", line.value);
    Values alone;
    const auto parsed = Parse({argument}, alone);
    if (!parsed.ok()) {
      return absl::InvalidArgumentError(absl::StrCat(where, parsed.status().message()));
    }
    if (line.key != "listen" || !has_listen) arguments.push_back(argument);
  }
  return arguments;
}

LogLevel LevelOf(const std::string& name) {
  if (name == "debug") return LogLevel::kDebug;
  if (name == "warning") return LogLevel::kWarning;
  if (name == "error") return LogLevel::kError;
  return name == "off" ? LogLevel::kOff : LogLevel::kInfo;
}

absl::StatusOr<std::vector<int32_t>> DevicesOf(const Values& values) {
  if (values.devices.empty()) return std::vector<int32_t>();
  if (values.backend != "auto" && values.backend != "cuda") {
    return absl::InvalidArgumentError(absl::StrCat("--devices: ", values.devices,
                                                   " with --backend ", values.backend,
                                                   ", expected cuda or auto"));
  }
  return ParseDeviceList(values.devices);
}

absl::StatusOr<ProgramOptions> Convert(const Values& values) {
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
  options.log_level = LevelOf(values.log_level);
  options.log_format = values.log_format == "json" ? LogFormat::kJson : LogFormat::kText;
  return options;
}

}  // namespace

absl::StatusOr<std::variant<ProgramOptions, ProgramText>> ParseProgramOptions(
    const std::vector<std::string>& arguments, int processors) {
  Values values;
  values.threads = std::clamp(processors, 1, kMaxThreads);
  auto text = Parse(arguments, values);
  if (!text.ok()) return text.status();
  if (text->has_value()) return **std::move(text);
  if (!values.config.empty()) {
    auto all = ConfigArguments(values.config, !values.listen.empty());
    if (!all.ok()) return all.status();
    all->insert(all->end(), arguments.begin(), arguments.end());
    values = {};
    values.threads = std::clamp(processors, 1, kMaxThreads);
    text = Parse(*all, values);
    if (!text.ok()) return text.status();
  }
  auto options = Convert(values);
  if (!options.ok()) return options.status();
  return *std::move(options);
}

}  // namespace kvsift
