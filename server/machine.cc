#include "server/machine.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <limits>
#include <optional>

#include "proto/transport/processors.h"

namespace kvsift {
namespace {

// The path of this process's group below the mount of cgroup v2; "/" in a container that sees none
// but its own.
std::string GroupPath(const std::string& root) {
  std::ifstream file(root + "proc/self/cgroup");
  const std::string start = "0::";
  for (std::string line; std::getline(file, line);) {
    if (line.rfind(start, 0) == 0) return line.substr(start.size());
  }
  return "/";
}

// What `read` makes of a file of the group and of those that it is in: the least; nothing where
// none sets a limit.
template <typename Read>
std::optional<int64_t> GroupLimit(const std::string& root, const std::string& name, Read read) {
  std::optional<int64_t> least;
  std::filesystem::path path = GroupPath(root);
  while (true) {
    std::ifstream file(root + "sys/fs/cgroup" + path.string() + "/" + name);
    const std::optional<int64_t> limit = read(file);
    if (limit.has_value() && *limit < least.value_or(std::numeric_limits<int64_t>::max())) {
      least = limit;
    }
    if (path == path.parent_path()) return least;
    path = path.parent_path();
  }
}

// Of memory.max: bytes, or "max".
std::optional<int64_t> ReadBytes(std::istream& file) {
  int64_t bytes = 0;
  if (!(file >> bytes)) return std::nullopt;
  return bytes;
}

// Of cpu.max: "QUOTA PERIOD", processor time in each period, or "max PERIOD".
std::optional<int64_t> ReadProcessors(std::istream& file) {
  int64_t quota = 0;
  int64_t period = 0;
  if (!(file >> quota >> period) || period <= 0) return std::nullopt;
  return std::max<int64_t>(1, (quota + period - 1) / period);
}

}  // namespace

Machine ReadMachine(const std::string& root) {
  Machine machine;
  machine.processors = ProcessorsOfProcess();
  const auto processors = GroupLimit(root, "cpu.max", ReadProcessors);
  if (processors.has_value() && *processors < machine.processors) {
    machine.processors = static_cast<int>(*processors);
  }
  machine.memory_bytes = int64_t{sysconf(_SC_PHYS_PAGES)} * sysconf(_SC_PAGESIZE);
  machine.memory_name = "the memory of this machine";
  const std::optional<int64_t> limit = GroupLimit(root, "memory.max", ReadBytes);
  if (limit.has_value() && *limit < machine.memory_bytes) {
    machine.memory_bytes = *limit;
    machine.memory_name = "the memory limit of this container or control group";
  }
  return machine;
}

}  // namespace kvsift
