// Waiting without the GIL, also while the interpreter ends.
#ifndef KVSIFT_CLIENT_PYTHON_SRC_GIL_H_
#define KVSIFT_CLIENT_PYTHON_SRC_GIL_H_

#include <nanobind/nanobind.h>

namespace kvsift::python {

// Lets other threads of Python run while it lives. REQUIRES: the GIL is held.
//
// An interpreter that ends unwinds, up to Python 3.13, every other thread that asks for the GIL,
// which ends the process if C++ functions are on its stack. After KeepOthersWaiting such a thread
// waits for the end of the process instead.
class ReleasedGil {
 public:
  ReleasedGil() : state_(PyEval_SaveThread()) {}
  ~ReleasedGil();
  ReleasedGil(const ReleasedGil&) = delete;
  ReleasedGil& operator=(const ReleasedGil&) = delete;

 private:
  PyThreadState* state_;
};

// To be called by the thread that ends the interpreter, before it does: from then on no other comes
// out of a ReleasedGil. Lets those that are on their way go first.
void KeepOthersWaiting();

// To be called once: threads that a fork leaves behind are on no way.
void CountTakersAnewInForks();

}  // namespace kvsift::python

#endif  // KVSIFT_CLIENT_PYTHON_SRC_GIL_H_
