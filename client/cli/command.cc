#include "client/cli/command.h"

#include "absl/time/clock.h"

namespace kvsift::cli {

absl::Time ServerFlags::Deadline() const { return absl::Now() + absl::Seconds(timeout_s); }

void AddServerFlags(CLI::App& command, ServerFlags& flags) {
  command.add_option("--server", flags.address, "Address of the server: host:port or unix:/path")
      ->required();
  command.add_option("--timeout", flags.timeout_s, "Seconds that one call may take")
      ->check(CLI::Range(0.001, 86400.0))
      ->capture_default_str();
  command.add_option("--format", flags.format, "text, or json for machines")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
}

absl::StatusOr<std::unique_ptr<Client>> Connect(const ServerFlags& flags) {
  return Client::Connect(flags.address, {}, flags.Deadline());
}

}  // namespace kvsift::cli
