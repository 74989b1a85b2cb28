#include <cstdio>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/cli/command.h"
#include "client/cli/describe.h"
#include "client/sizing/sizing.h"

namespace kvsift::cli {
namespace {

constexpr double kGb = 1e9;

struct PlanFlags {
  std::string model_config;
  sizing::Demand demand;
  sizing::Supply supply;
  double bandwidth_gb = sizing::kMeasuredBandwidth / kGb;
  double append_gb = sizing::kMeasuredAppendBandwidth / kGb;
  std::string format = "text";
};

Json ToJson(const sizing::Demand& demand, const sizing::Supply& supply,
            const sizing::Sizing& sizing) {
  const sizing::ModelConfig& model = demand.model;
  return {{"model",
           {{"type", model.name},
            {"layers", model.layers},
            {"attention_layers", model.attention_layers},
            {"query_heads", model.query_heads},
            {"kv_heads", model.kv_heads},
            {"head_dim", model.head_dim}}},
          {"demand",
           {{"context", demand.context},
            {"concurrency", demand.concurrency},
            {"key_bits", demand.key_bits},
            {"dense_layers", demand.dense_layers},
            {"k", demand.k}}},
          {"supply",
           {{"memory_per_server_bytes", supply.memory_per_server},
            {"bandwidth_bytes_per_s", supply.bandwidth},
            {"device_us", supply.device_us},
            {"call_us", supply.call_us},
            {"append_bytes_per_s", supply.append_bandwidth}}},
          {"selected_layers", sizing.selected_layers},
          {"position_bytes", sizing.position_bytes},
          {"sequence_bytes", sizing.sequence_bytes},
          {"total_bytes", sizing.total_bytes},
          {"fp16_key_bytes", sizing.fp16_key_bytes},
          {"servers", sizing.servers},
          {"fullest_server", {{"sequences", sizing.fullest}, {"bytes", sizing.fullest_bytes}}},
          {"selection_us", {{"device", sizing.device_us}, {"call", sizing.call_us}}},
          {"token_us", sizing.token_us},
          {"token_sent_bytes", sizing.sent_bytes},
          {"token_received_bytes", sizing.received_bytes},
          {"move_s", sizing.move_s}};
}

void PrintText(const sizing::Demand& demand, const sizing::Supply& supply,
               const sizing::Sizing& sizing) {
  const sizing::ModelConfig& model = demand.model;
  absl::PrintF("model       %s: %d of %d layers stored, %d query heads on %d kv heads of %d\n",
               model.name.empty() ? "of no type" : model.name, sizing.selected_layers, model.layers,
               model.query_heads, model.kv_heads, model.head_dim);
  absl::PrintF("memory      %s for each position, %s for %d positions\n",
               HumanBytes(sizing.position_bytes), HumanBytes(sizing.sequence_bytes),
               demand.context);
  absl::PrintF("            %s for %d sequences; the worker's fp16 keys have %s\n",
               HumanBytes(sizing.total_bytes), demand.concurrency,
               HumanBytes(sizing.fp16_key_bytes));
  absl::PrintF("servers     %d with %s each; the fullest has about %d sequences, %s\n",
               sizing.servers, HumanBytes(supply.memory_per_server), sizing.fullest,
               HumanBytes(sizing.fullest_bytes));
  absl::PrintF("selection   %.0f us a layer on the device, %.0f us as a call, of %d sequences\n",
               sizing.device_us, sizing.call_us, sizing.fullest);
  absl::PrintF("            %.1f ms a token for all layers, one after the other\n",
               sizing.token_us / 1000);
  absl::PrintF(
      "network     %s sent, %s received for each token of a sequence (k %d, a list a kv "
      "head)\n",
      HumanBytes(sizing.sent_bytes), HumanBytes(sizing.received_bytes), demand.k);
  absl::PrintF("move        %.2f s until a sequence is appended elsewhere\n", sizing.move_s);
  absl::PrintF(
      "from        %.0f GB/s and %.0f us of a selection on the device, %.0f us of a call, "
      "%.1f GB/s of appends\n",
      supply.bandwidth / kGb, supply.device_us, supply.call_us, supply.append_bandwidth / kGb);
}

absl::Status Plan(PlanFlags flags) {
  auto model = sizing::ReadModelConfig(flags.model_config);
  if (!model.ok()) return model.status();
  flags.demand.model = *std::move(model);
  flags.supply.bandwidth = flags.bandwidth_gb * kGb;
  flags.supply.append_bandwidth = flags.append_gb * kGb;
  const auto sizing = sizing::Size(flags.demand, flags.supply);
  if (!sizing.ok()) return sizing.status();
  if (flags.format == "json") {
    std::puts(ToJson(flags.demand, flags.supply, *sizing).dump(2).c_str());
  } else {
    PrintText(flags.demand, flags.supply, *sizing);
  }
  return absl::OkStatus();
}

void AddDemandOptions(CLI::App& command, PlanFlags& flags) {
  sizing::Demand& demand = flags.demand;
  command.add_option("--model-config", flags.model_config, "config.json of a Hugging Face model")
      ->required();
  command.add_option("--context", demand.context, "Positions of a sequence")
      ->required()
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 24));
  command.add_option("--concurrency", demand.concurrency, "Sequences at once")
      ->required()
      ->check(CLI::Range(int64_t{1}, int64_t{1'000'000}));
  command.add_option("--key-bits", demand.key_bits, "Bits per dimension of a key")
      ->check(CLI::Range(1, kMaxKeyBits))
      ->capture_default_str();
  command
      .add_option("--dense-layers", demand.dense_layers,
                  "First layers that attend to everything and are not stored")
      ->check(CLI::Range(0, 4096))
      ->capture_default_str();
  command.add_option("--k", demand.k, "Positions of a list, one for each kv head")
      ->check(CLI::Range(1, 1 << 24))
      ->capture_default_str();
}

void AddSupplyOptions(CLI::App& command, PlanFlags& flags) {
  command
      .add_option("--memory-per-server", flags.supply.memory_per_server,
                  "Bytes for codes, such as 64GiB: the server's --memory")
      ->transform(CLI::AsSizeValue(false))
      ->default_str("64GiB");
  const CLI::Range positive(1e-3, 1e9);
  command
      .add_option("--bandwidth", flags.bandwidth_gb,
                  "GB/s that codes are read with (one H100, kernels/cuda/PERFORMANCE.md)")
      ->check(positive)
      ->capture_default_str();
  command
      .add_option("--device-us", flags.supply.device_us,
                  "Microseconds of a selection on the device beyond that (the same page)")
      ->check(CLI::Range(0.0, 1e9))
      ->capture_default_str();
  command
      .add_option("--call-us", flags.supply.call_us,
                  "Microseconds of a call beyond the device (README.md, one H100 host)")
      ->check(CLI::Range(0.0, 1e9))
      ->capture_default_str();
  command
      .add_option("--append-bandwidth", flags.append_gb,
                  "GB/s of an append over one connection (README.md, the same host)")
      ->check(positive)
      ->capture_default_str();
}

}  // namespace

void AddPlanCommand(CLI::App& app, Action& action) {
  auto flags = std::make_shared<PlanFlags>();
  CLI::App* command = app.add_subcommand(
      "plan", "Says how many servers a model takes, how much memory and time; asks no server");
  AddDemandOptions(*command, *flags);
  AddSupplyOptions(*command, *flags);
  command->add_option("--format", flags->format, "text, or json for machines")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
  command->callback([flags, &action] { action = [flags] { return Plan(*flags); }; });
}

}  // namespace kvsift::cli
