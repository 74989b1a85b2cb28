#include "server/rpc/server_backends.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/engine/thread_pool.h"

namespace kvsift {
namespace {

// `status` under the option that asked for what cannot be had.
absl::Status UnderOption(const ServerOptions& options, const absl::Status& status) {
  if (absl::IsResourceExhausted(status)) {
    return {status.code(), absl::StrCat("--memory: ", status.message())};
  }
  const bool by_number = !options.devices.empty() && !absl::IsInvalidArgument(status);
  return {status.code(), absl::StrCat(by_number ? "--devices: " : "--backend: ", status.message())};
}

// GPUs that are named by their numbers are demanded: "auto" then has no choice.
absl::StatusOr<BackendChoice> Choose(const ServerOptions& options, int device) {
  return ChooseBackend(options.devices.empty() ? options.backend : "cuda", device);
}

void LogBackends(const ServerOptions& options, const ServerBackends& made, Logger& logger) {
  for (const auto& backend : made.backends) {
    const BackendInfo& info = backend->info();
    logger.Log(LogLevel::kInfo, "backend",
               {{"name", std::string_view(info.name)},
                {"description", std::string_view(info.description)},
                {"device", int64_t{info.device}},
                {"memory_bytes", info.memory_bytes},
                {"threads", int64_t{options.threads}}});
  }
  const auto is_time_sliced = [](const std::unique_ptr<Backend>& backend) {
    return backend->info().sharing == DeviceSharing::kTimeSliced;
  };
  if (std::none_of(made.backends.begin(), made.backends.end(), is_time_sliced)) return;
  logger.Log(LogLevel::kWarning, "GPU without MPS",
             {{"meaning",
               "beside another process that uses the GPU, the two take turns, and a "
               "round trip can take 2 ms; README.md, Sharing a GPU, says what to do"}});
}

absl::StatusOr<ServerBackends> Make(const ServerOptions& options, Executor& executor,
                                    Logger& logger) {
  std::vector<int32_t> devices = options.devices;
  if (devices.empty()) devices = {0};
  const auto choice = Choose(options, devices.front());
  if (!choice.ok()) return choice.status();
  for (const absl::Status& passed_over : choice->passed_over) {
    logger.Log(
        LogLevel::kInfo, "backend passed over",
        {{"reason", std::string_view(passed_over.message().data(), passed_over.message().size())}});
  }
  ServerBackends made;
  if (choice->name == "cuda") {
    made.completions =
        std::make_unique<ThreadPool>(kCompletionThreads * static_cast<int>(devices.size()));
  }
  for (const int32_t device : devices) {
    auto backend = CreateBackend(choice->name, {.memory_bytes = options.memory_bytes,
                                                .executor = &executor,
                                                .device = device,
                                                .grows = options.grow_memory,
                                                .completions = made.completions.get()});
    if (!backend.ok()) return backend.status();
    made.backends.push_back(*std::move(backend));
  }
  return made;
}

}  // namespace

absl::StatusOr<BackendChoice> ChooseServerBackend(const ServerOptions& options, int device) {
  auto choice = Choose(options, device);
  if (!choice.ok()) return UnderOption(options, choice.status());
  return choice;
}

absl::StatusOr<ServerBackends> MakeServerBackends(const ServerOptions& options, Executor& executor,
                                                  Logger& logger) {
  ServerBackends made;
  if (options.make_backends) {
    auto backends = options.make_backends(executor);
    if (!backends.ok()) return backends.status();
    made.backends = *std::move(backends);
  } else {
    auto chosen = Make(options, executor, logger);
    if (!chosen.ok()) return UnderOption(options, chosen.status());
    made = *std::move(chosen);
  }
  LogBackends(options, made, logger);
  return made;
}

}  // namespace kvsift
