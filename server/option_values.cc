#include "server/option_values.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <limits>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "kernels/backends.h"
#include "server/device_list.h"
#include "server/rpc/listen_address.h"
#include "server/rpc/version.h"

namespace kvsift {
namespace {

constexpr uint64_t kMiB = uint64_t{1} << 20;
constexpr uint64_t kMaxMemoryBytes = uint64_t{1} << 46;
constexpr double kMaxDrainSeconds = 86400;
constexpr absl::Duration kMaxSlow = absl::Hours(24);
constexpr int kMaxCallThreads = 256;
constexpr absl::Duration kMaxBusyPoll = absl::Seconds(1);
constexpr char kFooter[] =
    "\nSIZE is a number of bytes, with K, M, G or KiB, MiB, GiB for powers of 1024. DURATION has "
    "a\n"
    "unit, as 250ms or 1.5s.\n"
    "A config file has one option a line, `key = value`, without the dashes; the command line\n"
    "wins over it. When it is ready to serve, the server prints `listening on ADDRESS` for each\n"
    "--listen, then `metrics on ADDRESS` and `health on ADDRESS`, on standard output; it logs to\n"
    "standard error.\n"
    "SIGTERM and SIGINT drain calls in flight and end the server; a second one ends it at once.\n"
    "Exit codes: 0 after a clean shutdown, 1 if it cannot start or run, 2 for bad options, 3 if a\n"
    "device failed: start it again.";

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
void AddDevices(CLI::App& app, OptionValues& values) {
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
  app.add_option(
         "--threads", values.threads,
         "Threads that score [three quarters of the processors; all where there are fewer than 4]")
      ->check(CLI::Range(1, kMaxThreads));
}

void AddLimits(CLI::App& app, OptionValues& values) {
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

CLI::Validator DurationCheck(absl::Duration most, const std::string& example) {
  return CLI::Validator(
      [most, example](std::string& text) {
        absl::Duration duration;
        const bool is_valid = absl::ParseDuration(text, &duration) &&
                              duration >= absl::ZeroDuration() && duration <= most;
        return is_valid ? std::string()
                        : absl::StrCat(text, ", expected 0 to ", absl::FormatDuration(most),
                                       ", such as ", example);
      },
      "");
}

void AddLogging(CLI::App& app, OptionValues& values) {
  app.add_option("--log-level", values.log_level, "Least level that is logged")
      ->check(CLI::IsMember({"debug", "info", "warning", "error", "off"}))
      ->capture_default_str();
  app.add_option("--log-format", values.log_format, "Form of log lines")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
  app.add_option("--log-slow", values.log_slow,
                 "Log calls that take this long, at most one a second after the first ten; 0: none")
      ->check(DurationCheck(kMaxSlow, "250ms"))
      ->type_name("DURATION")
      ->capture_default_str();
}

void AddListeners(CLI::App& app, OptionValues& values) {
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
}

// Has `app` parse into `values`, which outlive it.
void Describe(CLI::App& app, OptionValues& values) {
  app.option_defaults()->take_last();
  AddListeners(app, values);
  app.add_option("--config", values.config, "File with the same options")->type_name("FILE");
  app.add_flag("--check-config", values.check_config,
               "Only say whether options and config file can work on this machine; exit code 2 if "
               "not");
  AddDevices(app, values);
  AddLimits(app, values);
  app.add_option("--call-threads", values.call_threads,
                 "Threads that hear of calls and do what small ones ask for [a third of the "
                 "processors, from 2 to 16; 1 where there are fewer than 4]")
      ->check(CLI::Range(1, kMaxCallThreads));
  app.add_option("--busy-poll", values.busy_poll,
                 "How long the thread that waits for calls polls for the next before it sleeps, "
                 "while they come within that time; 0: it sleeps at once")
      ->check(DurationCheck(kMaxBusyPoll, "100us"))
      ->type_name("DURATION")
      ->capture_default_str();
  app.add_option("--drain-timeout", values.drain_seconds,
                 "Seconds that calls in flight may take at shutdown")
      ->check(CLI::Range(0.0, kMaxDrainSeconds))
      ->capture_default_str();
  AddLogging(app, values);
  app.set_version_flag("--version", absl::StrCat("kvsift-server ", kVersion));
  app.footer(kFooter);
}

// How many characters must be added, left out or replaced to make `b` of `a`.
size_t EditDistance(const std::string& a, const std::string& b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i + 1;
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, diagonal + 1, row[j] + 1});
    }
  }
  return row.back();
}

// What CLI11 says, and for an unknown option what may have been meant.
absl::Status UsageError(const CLI::App& app, const CLI::ParseError& error) {
  for (std::string argument : app.remaining()) {
    argument = argument.substr(0, argument.find('='));
    if (argument.rfind("--", 0) != 0) continue;
    const std::string suggestion = Suggestion(argument);
    if (suggestion.empty()) continue;
    return absl::InvalidArgumentError(absl::StrCat("unknown option ", argument, suggestion));
  }
  return absl::InvalidArgumentError(error.what());
}

}  // namespace

absl::StatusOr<std::optional<std::string>> ParseOptionValues(
    const std::vector<std::string>& arguments, OptionValues& values,
    std::vector<std::string>* given) {
  CLI::App app("Serves kvsift: which past tokens should a query attend to?", "kvsift-server");
  Describe(app, values);
  try {
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));  // as CLI11 pops
  } catch (const CLI::CallForHelp&) {
    return app.help();
  } catch (const CLI::CallForVersion&) {
    return app.version() + "\n";
  } catch (const CLI::ParseError& error) {
    return UsageError(app, error);
  }
  if (given != nullptr) {
    for (const CLI::Option* option : app.parse_order()) {
      given->push_back(option->get_single_name());
    }
  }
  return std::nullopt;
}

bool IsConfigKey(const std::string& key) {
  OptionValues values;
  CLI::App app;
  Describe(app, values);
  return key != "config" && key != "check-config" && key != "help" && key != "version" &&
         app.get_option_no_throw("--" + key) != nullptr;
}

std::string Suggestion(const std::string& key) {
  constexpr size_t kMaxDistance = 2;
  const std::string dashes = key.rfind("--", 0) == 0 ? "--" : "";
  OptionValues values;
  CLI::App app;
  Describe(app, values);
  std::string nearest;
  size_t least = kMaxDistance + 1;
  for (const CLI::Option* option : app.get_options()) {
    const std::string name = dashes + option->get_single_name();
    const size_t distance = EditDistance(key, name);
    if (distance < least) nearest = name;
    least = std::min(least, distance);
  }
  return nearest.empty() ? "" : absl::StrCat("; is it ", nearest, "?");
}

}  // namespace kvsift
