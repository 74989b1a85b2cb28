// Counts at operator new. A program that links this has its own operator new.
#ifndef KVSIFT_TESTS_KERNELS_COUNTED_NEW_H_
#define KVSIFT_TESTS_KERNELS_COUNTED_NEW_H_

#include <cstdint>

namespace kvsift {

// Allocations of the calling thread since it began.
int64_t AllocationsOfThisThread();

// Allocations of all threads since the program began.
int64_t AllocationsOfAllThreads();

}  // namespace kvsift

#endif  // KVSIFT_TESTS_KERNELS_COUNTED_NEW_H_
