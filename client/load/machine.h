// The machine that a run was made on.
#ifndef KVSIFT_CLIENT_LOAD_MACHINE_H_
#define KVSIFT_CLIENT_LOAD_MACHINE_H_

#include <cstdint>
#include <string>

namespace kvsift::load {

struct Machine {
  std::string cpu;
  int cores = 0;  // that this process may use
  int64_t memory_bytes = 0;
  std::string kernel;
};

Machine ThisMachine();

}  // namespace kvsift::load

#endif  // KVSIFT_CLIENT_LOAD_MACHINE_H_
