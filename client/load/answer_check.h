// What every right answer looks like, whatever the keys were.
#ifndef KVSIFT_CLIENT_LOAD_ANSWER_CHECK_H_
#define KVSIFT_CLIENT_LOAD_ANSWER_CHECK_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "kernels/format/store_format.h"
#include "kernels/select/policy.h"
#include "kvsift/select.h"

namespace kvsift::load {

// The rows of one query token: padded to `width`.
struct Rows {
  int32_t width = 0;
  std::vector<int32_t> counts = {};     // [rows]
  std::vector<int32_t> positions = {};  // [rows, width]

  bool operator==(const Rows&) const = default;
};

// The rows of an entry. REQUIRES: the answer is padded and has the entry.
Rows RowsOf(const client::SelectionResult& result, int64_t entry);

// Says what is wrong with rows that a query token got that sees `visible` positions: their number
// and width, counts of min(k, visible) (group_union: at least that), ascending positions below
// `visible`, -1 behind the count. Empty if nothing is.
std::string WhatIsWrong(const Policy& policy, const StoreShape& shape, int64_t visible,
                        const Rows& rows);

// The same of an entry's rows, without copying them.
std::string WhatIsWrong(const Policy& policy, const StoreShape& shape, int64_t visible,
                        const client::SelectionResult& result, int64_t entry);

}  // namespace kvsift::load

#endif  // KVSIFT_CLIENT_LOAD_ANSWER_CHECK_H_
