#include "client/load/machine.h"

#include <sys/sysinfo.h>
#include <sys/utsname.h>

#include <fstream>
#include <thread>

namespace kvsift::load {
namespace {

std::string CpuName() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const size_t colon = line.find(": ");
    if (line.starts_with("model name") && colon != std::string::npos) return line.substr(colon + 2);
  }
  return "unknown";
}

}  // namespace

Machine ThisMachine() {
  Machine machine;
  machine.cpu = CpuName();
  machine.cores = static_cast<int>(std::thread::hardware_concurrency());
  struct sysinfo memory = {};
  if (::sysinfo(&memory) == 0) {
    machine.memory_bytes = static_cast<int64_t>(memory.totalram) * memory.mem_unit;
  }
  utsname name = {};
  if (::uname(&name) == 0) machine.kernel = std::string(name.sysname) + " " + name.release;
  return machine;
}

}  // namespace kvsift::load
