#include "proto/transport/processors.h"

#include <sched.h>

#include <algorithm>
#include <thread>

namespace kvsift {

int ProcessorsOfProcess() {
  cpu_set_t processors;
  if (sched_getaffinity(0, sizeof(processors), &processors) == 0) return CPU_COUNT(&processors);
  // More than a set of that type holds.
  return static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
}

}  // namespace kvsift
