// One selection of the reference backend.
#ifndef KVSIFT_KERNELS_REFERENCE_SELECTION_H_
#define KVSIFT_KERNELS_REFERENCE_SELECTION_H_

#include "kernels/backend.h"
#include "kernels/format/store_format.h"
#include "kernels/reference/key_pages.h"

namespace kvsift {

// Fills the rows of `selection` from the keys of its sequence and layer.
void SelectByReference(const Selection& selection, const StoreFormat& format, const KeyPages& keys);

}  // namespace kvsift

#endif  // KVSIFT_KERNELS_REFERENCE_SELECTION_H_
