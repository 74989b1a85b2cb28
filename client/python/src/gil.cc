#include "client/python/src/gil.h"

#include <pthread.h>
#include <unistd.h>

#include <atomic>

namespace kvsift::python {
namespace {

// Python's number of the thread that ends the interpreter, or 0.
std::atomic<unsigned long> ending_thread = 0;

// Threads that are about to have the GIL again.
std::atomic<int> takers = 0;

bool IsForOthers() {
  const unsigned long ending = ending_thread.load();
  return ending != 0 && ending != PyThread_get_thread_ident();
}

void LeaveTakers() {
  takers.fetch_sub(1);
  takers.notify_all();
}

}  // namespace

ReleasedGil::~ReleasedGil() {
  takers.fetch_add(1);  // before the look: KeepOthersWaiting waits for whoever did not see it
  if (IsForOthers()) {
    LeaveTakers();
    for (;;) pause();
  }
  PyEval_RestoreThread(state_);
  LeaveTakers();
}

void CountTakersAnewInForks() {
  pthread_atfork(nullptr, nullptr, [] { takers = 0; });
}

void KeepOthersWaiting() {
  ending_thread = PyThread_get_thread_ident();
  PyThreadState* const state = PyEval_SaveThread();
  for (int left = takers.load(); left != 0; left = takers.load()) takers.wait(left);
  PyEval_RestoreThread(state);
}

}  // namespace kvsift::python
