// What the machine has, as far as a configuration can ask for too much of it.
#ifndef KVSIFT_SERVER_MACHINE_H_
#define KVSIFT_SERVER_MACHINE_H_

#include <cstdint>
#include <string>

namespace kvsift {

struct Machine {
  int processors = 1;        // that this process may use at once
  int64_t memory_bytes = 0;  // the most that this process can have of the host's memory
  std::string memory_name;   // whose memory that is, in words
};

// The machine, or the control group (cgroup v2) that this process is in, where that has less: a
// container's limits. `root` is "/" except in tests, which lay out /proc and /sys elsewhere.
Machine ReadMachine(const std::string& root = "/");

}  // namespace kvsift

#endif  // KVSIFT_SERVER_MACHINE_H_
