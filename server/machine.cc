#include "server/machine.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <limits>
#include <optional>
#include <thread>

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

// The least limit of the group and those that it is in; nothing if there is none ("max").
std::optional<int64_t> GroupLimit(const std::string& root) {
  std::optional<int64_t> least;
  std::filesystem::path path = GroupPath(root);
  while (true) {
    std::ifstream file(root + "sys/fs/cgroup" + path.string() + "/memory.max");
    int64_t limit = 0;
    if (file >> limit && limit < least.value_or(std::numeric_limits<int64_t>::max())) least = limit;
    if (path == path.parent_path()) return least;
    path = path.parent_path();
  }
}

}  // namespace

Machine ReadMachine(const std::string& root) {
  Machine machine;
  machine.processors = static_cast<int>(std::thread::hardware_concurrency());
  machine.memory_bytes = int64_t{sysconf(_SC_PHYS_PAGES)} * sysconf(_SC_PAGESIZE);
  machine.memory_name = "the memory of this machine";
  const std::optional<int64_t> limit = GroupLimit(root);
  if (limit.has_value() && *limit < machine.memory_bytes) {
    machine.memory_bytes = *limit;
    machine.memory_name = "the memory limit of this container or control group";
  }
  return machine;
}

}  // namespace kvsift
