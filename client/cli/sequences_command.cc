#include <algorithm>
#include <cstdio>
#include <memory>
#include <optional>

#include "absl/strings/str_format.h"
#include "client/cli/command.h"
#include "client/cli/describe.h"

namespace kvsift::cli {
namespace {

struct SequenceFlags {
  ServerFlags server;
  std::string store;
  uint64_t id = 0;
};

void PrintSequences(const std::vector<client::Sequence>& sequences) {
  absl::PrintF("%20s %12s %8s  %s\n", "sequence", "epoch", "pages", "length (shortest - longest)");
  for (const client::Sequence& sequence : sequences) {
    int64_t shortest = sequence.layers.empty() ? 0 : sequence.layers[0].length;
    int64_t longest = shortest;
    for (const client::LayerLength& layer : sequence.layers) {
      shortest = std::min(shortest, layer.length);
      longest = std::max(longest, layer.length);
    }
    absl::PrintF("%20d %12d %8d  %s\n", sequence.id, sequence.epoch, sequence.pages,
                 shortest == longest ? absl::StrFormat("%d", longest)
                                     : absl::StrFormat("%d - %d", shortest, longest));
  }
}

absl::Status List(const SequenceFlags& flags) {
  auto client = Connect(flags.server);
  if (!client.ok()) return client.status();
  const auto sequences = (*client)->ListSequences(flags.store, flags.server.Deadline());
  if (!sequences.ok()) return sequences.status();
  if (!flags.server.json()) {
    PrintSequences(*sequences);
    return absl::OkStatus();
  }
  Json list = Json::array();
  for (const client::Sequence& sequence : *sequences) list.push_back(ToJson(sequence));
  std::puts(Json({{"sequences", list}}).dump(2).c_str());
  return absl::OkStatus();
}

absl::Status Show(const SequenceFlags& flags) {
  auto client = Connect(flags.server);
  if (!client.ok()) return client.status();
  const auto sequence = (*client)->GetSequence(flags.store, flags.id, flags.server.Deadline());
  if (!sequence.ok()) return sequence.status();
  if (flags.server.json()) {
    std::puts(ToJson(*sequence).dump(2).c_str());
    return absl::OkStatus();
  }
  PrintSequences({*sequence});
  for (const client::LayerLength& layer : sequence->layers) {
    absl::PrintF("  layer %5d  %d positions\n", layer.layer_id, layer.length);
  }
  return absl::OkStatus();
}

absl::Status Release(const SequenceFlags& flags) {
  auto client = Connect(flags.server);
  if (!client.ok()) return client.status();
  const absl::Status status =
      (*client)->Release(flags.store, flags.id, std::nullopt, flags.server.Deadline());
  if (status.ok() && flags.server.json()) {
    std::puts(Json({{"released", absl::StrFormat("%d", flags.id)}}).dump(2).c_str());
  }
  return status;
}

}  // namespace

void AddSequencesCommand(CLI::App& app, Action& action) {
  CLI::App* sequences =
      app.add_subcommand("sequences", "Lists, shows and releases sequences of a store");
  sequences->require_subcommand(1);
  const auto add = [&](const char* name, const char* help,
                       absl::Status (*run)(const SequenceFlags&), bool named) {
    auto flags = std::make_shared<SequenceFlags>();
    CLI::App* command = sequences->add_subcommand(name, help);
    AddServerFlags(*command, flags->server);
    command->add_option("--store", flags->store, "Name of the store")->required();
    if (named) command->add_option("id", flags->id, "Id of the sequence")->required();
    command->callback([flags, run, &action] { action = [flags, run] { return run(*flags); }; });
  };
  add("list", "Lists all sequences", &List, false);
  add("show", "Shows one sequence with the length of every layer", &Show, true);
  add("release", "Forgets a sequence", &Release, true);
}

}  // namespace kvsift::cli
