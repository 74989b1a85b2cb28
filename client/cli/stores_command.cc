#include <cstdint>
#include <cstdio>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "absl/strings/str_format.h"
#include "client/cli/command.h"
#include "client/cli/describe.h"

namespace kvsift::cli {
namespace {

struct StoreFlags {
  ServerFlags server;
  std::string name;
};

void PrintStores(const std::vector<client::Store>& stores) {
  absl::PrintF("%-32s %-16s %9s %8s %4s %9s %12s\n", "store", "layers", "kv/q heads", "head_dim",
               "bits", "sequences", "resident");
  for (const client::Store& store : stores) {
    const client::StoreConfig& config = store.config;
    absl::PrintF("%-32s %-16s %10s %8d %4d %9d %12s\n", config.name, LayerList(config.layer_ids),
                 absl::StrFormat("%d/%d", config.kv_heads, config.query_heads), config.head_dim,
                 config.key_bits, store.sequences, HumanBytes(store.resident_bytes));
  }
}

// Shares of the levels of all keys together, and where they deviate most from the scales' promise.
void PrintLevels(const client::Store& store) {
  const std::vector<int64_t>& counts = store.level_counts;
  std::vector<int64_t> sums(size_t{1} << store.config.key_bits);
  for (size_t i = 0; i < counts.size(); ++i) sums[i % sums.size()] += counts[i];
  const int64_t total = std::accumulate(sums.begin(), sums.end(), int64_t{0});
  std::string shares;
  for (const int64_t sum : sums) {
    if (total > 0) absl::StrAppendFormat(&shares, " %.3f", static_cast<double>(sum) / total);
  }
  absl::PrintF("levels      %s\n", total > 0 ? shares : " nothing sampled");
  if (!store.level_deviation.has_value()) return;
  const client::LevelDeviation& most = *store.level_deviation;
  absl::PrintF("deviation    %.3f at layer %d, kv head %d: %s the limit of %.2f\n", most.deviation,
               most.layer_id, most.kv_head,
               most.deviation > most.limit ? "DRIFTED from the calibration, beyond" : "within",
               most.limit);
}

void PrintStore(const client::Store& store) {
  PrintStores({store});
  absl::PrintF("page         %d positions, %s\n", store.page_positions,
               HumanBytes(store.page_bytes));
  absl::PrintF("fingerprint  %s\n", Hex(store.fingerprint));
  absl::PrintF("key scales   %s\n", store.config.key_scales.empty()
                                        ? "none: takes codes only"
                                        : "set: takes raw keys and codes");
  PrintLevels(store);
}

absl::Status List(const StoreFlags& flags) {
  auto client = Connect(flags.server);
  if (!client.ok()) return client.status();
  const auto stores = (*client)->ListStores(flags.server.Deadline());
  if (!stores.ok()) return stores.status();
  if (!flags.server.json()) {
    PrintStores(*stores);
    return absl::OkStatus();
  }
  Json list = Json::array();
  for (const client::Store& store : *stores) list.push_back(ToJson(store));
  std::puts(Json({{"stores", list}}).dump(2).c_str());
  return absl::OkStatus();
}

absl::Status Show(const StoreFlags& flags) {
  auto client = Connect(flags.server);
  if (!client.ok()) return client.status();
  const auto store = (*client)->GetStore(flags.name, flags.server.Deadline());
  if (!store.ok()) return store.status();
  if (flags.server.json()) {
    std::puts(ToJson(*store).dump(2).c_str());
  } else {
    PrintStore(*store);
  }
  return absl::OkStatus();
}

absl::Status Delete(const StoreFlags& flags) {
  auto client = Connect(flags.server);
  if (!client.ok()) return client.status();
  const absl::Status status = (*client)->DeleteStore(flags.name, flags.server.Deadline());
  if (status.ok() && flags.server.json()) {
    std::puts(Json({{"deleted", flags.name}}).dump(2).c_str());
  }
  return status;
}

}  // namespace

void AddStoresCommand(CLI::App& app, Action& action) {
  CLI::App* stores = app.add_subcommand("stores", "Lists, shows and deletes stores");
  stores->require_subcommand(1);
  const auto add = [&](const char* name, const char* help, absl::Status (*run)(const StoreFlags&),
                       bool named) {
    auto flags = std::make_shared<StoreFlags>();
    CLI::App* command = stores->add_subcommand(name, help);
    AddServerFlags(*command, flags->server);
    if (named) command->add_option("name", flags->name, "Name of the store")->required();
    command->callback([flags, run, &action] { action = [flags, run] { return run(*flags); }; });
  };
  add("list", "Lists all stores", &List, false);
  add("show", "Shows one store", &Show, true);
  add("delete", "Deletes a store with all its sequences", &Delete, true);
}

}  // namespace kvsift::cli
