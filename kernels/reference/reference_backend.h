// The backend that defines correct: obvious, slow, one thread.
//
// Its pages hold codes in wire layout, 16 keys of one kv head to a tile. It encodes one coordinate
// (encode/portable_encode.h) and scores one dimension (estimate/score.h) at a time, and sorts every
// position (select/token_lists.h).
#ifndef KVSIFT_KERNELS_REFERENCE_REFERENCE_BACKEND_H_
#define KVSIFT_KERNELS_REFERENCE_REFERENCE_BACKEND_H_

#include <memory>

#include "kernels/backend.h"
#include "kernels/page_memory.h"

namespace kvsift {

// A backend named "reference". It runs every batch inside Submit and tells the observer before
// Submit returns.
std::unique_ptr<Backend> CreateReferenceBackend(std::unique_ptr<PageMemory> memory);

}  // namespace kvsift

#endif  // KVSIFT_KERNELS_REFERENCE_REFERENCE_BACKEND_H_
