#include "client/python/src/gil.h"

#include <unistd.h>

#include <atomic>

namespace kvsift::python {
namespace {

// Python's number of the thread that ends the interpreter, or 0.
std::atomic<unsigned long> ending_thread = 0;

}  // namespace

ReleasedGil::~ReleasedGil() {
  const unsigned long ending = ending_thread.load();
  while (ending != 0 && ending != PyThread_get_thread_ident()) pause();
  PyEval_RestoreThread(state_);
}

void KeepOthersWaiting() { ending_thread = PyThread_get_thread_ident(); }

}  // namespace kvsift::python
