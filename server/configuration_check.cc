#include "server/configuration_check.h"

#include <filesystem>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "kernels/backends.h"
#include "server/rpc/listen_address.h"
#include "server/rpc/server_backends.h"

namespace kvsift {
namespace {

struct Listener {
  std::string option;
  ListenAddress address;
};

absl::StatusOr<std::vector<Listener>> ListenersOf(const ServerOptions& options) {
  std::vector<std::pair<std::string, std::string>> texts;
  for (const std::string& text : options.listen) texts.emplace_back("--listen", text);
  if (!options.metrics_listen.empty()) {
    texts.emplace_back("--metrics-listen", options.metrics_listen);
  }
  if (!options.health_listen.empty()) texts.emplace_back("--health-listen", options.health_listen);
  std::vector<Listener> listeners;
  for (const auto& [option, text] : texts) {
    auto address = ParseListenAddress(text);
    if (!address.ok()) return address.status();
    listeners.push_back({option, *std::move(address)});
  }
  return listeners;
}

absl::Status CheckFolder(const Listener& listener) {
  if (!listener.address.is_unix()) return absl::OkStatus();
  const std::filesystem::path path = std::filesystem::absolute(listener.address.path);
  std::error_code ignored;
  if (std::filesystem::is_directory(path.parent_path(), ignored)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(listener.option, ": ", listener.address.text, ": there is no directory ",
                   path.parent_path().string(), "; create it, or choose another path"));
}

absl::Status CheckListeners(const std::vector<Listener>& listeners) {
  for (size_t i = 0; i < listeners.size(); ++i) {
    absl::Status valid = CheckFolder(listeners[i]);
    if (!valid.ok()) return valid;
    for (size_t j = 0; j < i; ++j) {
      if (!Overlap(listeners[i].address, listeners[j].address)) continue;
      return absl::InvalidArgumentError(
          absl::StrCat(listeners[i].option, ": ", listeners[i].address.text, " overlaps ",
                       listeners[j].option, " ", listeners[j].address.text, ", expected another ",
                       listeners[i].address.is_unix() ? "path" : "port"));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckMemory(const ServerOptions& options, const Machine& machine, int device) {
  const auto choice = ChooseServerBackend(options, device);
  if (!choice.ok()) return choice.status();
  const bool has_own = choice->memory_bytes > 0;
  const int64_t most = has_own ? choice->memory_bytes : machine.memory_bytes;
  if (options.memory_bytes <= most) return absl::OkStatus();
  const std::string whose =
      has_own ? absl::StrCat("the memory of GPU ", device) : machine.memory_name;
  return absl::InvalidArgumentError(absl::StrCat("--memory: ", options.memory_bytes,
                                                 " bytes, expected at most ", most, ", ", whose));
}

}  // namespace

absl::Status CheckConfiguration(const ServerOptions& options, const Machine& machine) {
  const auto listeners = ListenersOf(options);
  if (!listeners.ok()) return listeners.status();
  absl::Status valid = CheckListeners(*listeners);
  if (!valid.ok() || options.make_backends) return valid;
  std::vector<int32_t> devices = options.devices;
  if (devices.empty()) devices = {0};
  for (const int32_t device : devices) {
    valid = CheckMemory(options, machine, device);
    if (!valid.ok()) return valid;
  }
  return absl::OkStatus();
}

}  // namespace kvsift
