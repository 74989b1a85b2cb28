#include <cstdio>
#include <memory>
#include <string>

#include "absl/strings/str_format.h"
#include "client/cli/command.h"
#include "client/cli/describe.h"

namespace kvsift::cli {
namespace {

// What tells GPUs apart and how they are shared; nothing of other devices.
std::string GpuText(const client::Device& device) {
  if (device.sharing == client::DeviceSharing::kNotShared) return "";
  return absl::StrFormat(", GPU %d, sharing %s", device.number, SharingName(device.sharing));
}

void PrintText(const client::ServerInfo& server) {
  absl::PrintF("kvsift-server %s, backend %s\n", server.version, server.backend);
  absl::PrintF("incarnation    %s\n", Hex(server.incarnation));
  for (size_t i = 0; i < server.devices.size(); ++i) {
    const client::Device& device = server.devices[i];
    absl::PrintF("device %-8d%s: %s%s\n", i, device.name, device.description, GpuText(device));
    absl::PrintF("               %s of %s used, %s free, %s of it fragmented\n",
                 HumanBytes(device.resident_bytes), HumanBytes(device.budget_bytes),
                 HumanBytes(device.free_bytes), HumanBytes(device.fragmented_bytes));
  }
  const client::Limits& limits = server.limits;
  absl::PrintF("limits         k %d, answer %s, message %s, sequence %d positions, %d stores\n",
               limits.max_k, HumanBytes(limits.max_answer_bytes),
               HumanBytes(limits.max_message_bytes), limits.max_sequence_length, limits.max_stores);
}

absl::Status Status(const ServerFlags& flags) {
  auto client = Connect(flags);
  if (!client.ok()) return client.status();
  const absl::StatusOr<client::ServerInfo> server = (*client)->GetServer(flags.Deadline());
  if (!server.ok()) return server.status();
  if (flags.json()) {
    std::puts(ToJson(*server).dump(2).c_str());
  } else {
    PrintText(*server);
  }
  return absl::OkStatus();
}

}  // namespace

void AddStatusCommand(CLI::App& app, Action& action) {
  auto flags = std::make_shared<ServerFlags>();
  CLI::App* command = app.add_subcommand("status", "Shows what a server is and has");
  AddServerFlags(*command, *flags);
  command->callback([flags, &action] { action = [flags] { return Status(*flags); }; });
}

}  // namespace kvsift::cli
