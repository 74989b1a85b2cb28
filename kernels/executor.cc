#include "kernels/executor.h"

namespace kvsift {

void InlineExecutor::Run(int64_t count, std::function<void(int64_t)> task,
                         std::function<void()> done) {
  for (int64_t i = 0; i < count; ++i) task(i);
  done();
}

}  // namespace kvsift
