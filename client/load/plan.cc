#include "client/load/plan.h"

#include <iterator>

namespace kvsift::load {
namespace {

constexpr std::string_view kNames[] = {"decode", "prefill", "mixed", "select-only", "churn"};

}  // namespace

std::string_view ScenarioName(Scenario scenario) { return kNames[static_cast<int>(scenario)]; }

bool Plan::is_pool() const {
  return server.find(',') != std::string::npos || server.starts_with("dns:///");
}

std::optional<Scenario> ScenarioFromName(std::string_view name) {
  for (size_t i = 0; i < std::size(kNames); ++i) {
    if (kNames[i] == name) return static_cast<Scenario>(i);
  }
  return std::nullopt;
}

}  // namespace kvsift::load
