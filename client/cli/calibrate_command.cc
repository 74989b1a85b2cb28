#include <cstdio>
#include <fstream>
#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/cli/command.h"
#include "client/cli/describe.h"
#include "client/evaluate/calibration.h"

namespace kvsift::cli {
namespace {

struct CalibrateFlags {
  ServerFlags server;
  std::string trace;
  std::string output;
  std::vector<int32_t> layers;
  int64_t positions = 4096;
};

// {"layers": {"4": [scale per kv head], ...}, "key_scales": [as StoreConfig takes them], ...}
Json ScalesJson(const trace::Trace& trace, const std::vector<int32_t>& layers,
                const std::vector<float>& scales) {
  Json by_layer = Json::object();
  for (size_t i = 0; i < layers.size(); ++i) {
    const auto first = scales.begin() + static_cast<int64_t>(i) * trace.kv_heads();
    by_layer[absl::StrCat(layers[i])] = std::vector<float>(first, first + trace.kv_heads());
  }
  return {{"layer_ids", layers},
          {"kv_heads", trace.kv_heads()},
          {"head_dim", trace.head_dim()},
          {"key_scales", scales},
          {"layers", by_layer}};
}

absl::Status WriteFile(const std::string& path, const std::string& text) {
  std::ofstream file(path, std::ios::trunc);
  file << text << '\n';
  file.close();
  if (file.good()) return absl::OkStatus();
  return absl::UnknownError(absl::StrCat(path, ": cannot be written"));
}

void PrintText(const trace::Trace& trace, const std::vector<int32_t>& layers,
               const std::vector<float>& scales) {
  absl::PrintF("layer  key scales by kv head\n");
  for (size_t i = 0; i < layers.size(); ++i) {
    absl::PrintF("%5d ", layers[i]);
    for (int head = 0; head < trace.kv_heads(); ++head) {
      absl::PrintF(" %.6g", scales[i * trace.kv_heads() + head]);
    }
    absl::PrintF("\n");
  }
}

absl::Status Calibrate(const CalibrateFlags& flags) {
  const auto trace = trace::Trace::Open(flags.trace);
  if (!trace.ok()) return trace.status();
  const auto layers = evaluate::LayersOf(*trace, flags.layers);
  if (!layers.ok()) return layers.status();
  auto client = Connect(flags.server);
  if (!client.ok()) return client.status();
  const auto scales = evaluate::CalibrateOnTrace(**client, *trace, *layers, flags.positions,
                                                 absl::Seconds(flags.server.timeout_s));
  if (!scales.ok()) return scales.status();
  const std::string json = ScalesJson(*trace, *layers, *scales).dump(2);
  if (!flags.output.empty()) {
    const absl::Status status = WriteFile(flags.output, json);
    if (!status.ok()) return status;
  }
  if (flags.server.json()) {
    std::puts(json.c_str());
  } else {
    PrintText(*trace, *layers, *scales);
  }
  return absl::OkStatus();
}

}  // namespace

void AddCalibrateCommand(CLI::App& app, Action& action) {
  auto flags = std::make_shared<CalibrateFlags>();
  CLI::App* command =
      app.add_subcommand("calibrate", "Measures the key scales of a model from a trace");
  AddServerFlags(*command, flags->server);
  command->add_option("--trace", flags->trace, "Trace of the model (safetensors)")->required();
  command->add_option("--positions", flags->positions, "How many keys per layer count")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->add_option("--layers", flags->layers, "Layers of the trace; all by default")
      ->delimiter(',');
  command->add_option("--output", flags->output, "Also write the scales to this file, as JSON");
  command->callback([flags, &action] { action = [flags] { return Calibrate(*flags); }; });
}

}  // namespace kvsift::cli
