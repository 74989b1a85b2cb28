// An answer that was wrong, with everything that reproduces it, as a file.
#ifndef KVSIFT_CLIENT_LOAD_WRONG_ANSWER_H_
#define KVSIFT_CLIENT_LOAD_WRONG_ANSWER_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/load/answer_check.h"
#include "client/load/reference_answer.h"
#include "kernels/format/element.h"
#include "kvsift/store.h"

namespace kvsift::load {

struct WrongAnswer {
  std::string what = {};  // in words
  client::StoreConfig config = {};
  Policy policy = {};
  uint64_t seed = 0;  // of the run
  uint64_t sequence_id = 0;
  int layer = 0;  // index into config.layer_ids
  int64_t visible = 0;
  std::optional<ElementType> type = {};  // of keys and query; nothing: codes
  std::vector<std::byte> keys = {};      // [visible, kv_heads, ...]
  std::vector<std::byte> query = {};     // [query_heads, ...]
  std::vector<float> query_scales = {};  // [query_heads], or empty
  Rows expected = {};
  Rows got = {};  // empty if only its hash was kept

  Question AsQuestion() const;
};

// "row 3, index 17: 512, expected 511", or empty where both are equal.
std::string FirstDifference(const Rows& expected, const Rows& got);

// One JSON file. Errors: of the file system; INVALID_ARGUMENT if the file is none of these.
absl::Status WriteWrongAnswer(const std::string& path, const WrongAnswer& wrong);
absl::StatusOr<WrongAnswer> ReadWrongAnswer(const std::string& path);

}  // namespace kvsift::load

#endif  // KVSIFT_CLIENT_LOAD_WRONG_ANSWER_H_
