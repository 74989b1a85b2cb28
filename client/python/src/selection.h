// An answer as Python sees it.
#ifndef KVSIFT_CLIENT_PYTHON_SRC_SELECTION_H_
#define KVSIFT_CLIENT_PYTHON_SRC_SELECTION_H_

#include <nanobind/nanobind.h>

#include <memory>

#include "absl/status/statusor.h"
#include "client/python/src/arrays.h"
#include "client/python/src/requests.h"
#include "kvsift/select.h"

namespace kvsift::python {

// Where an answer's positions go instead of into memory of its own: an int32 array of Python's.
class Out {
 public:
  Out() = default;

  // Raises TypeError or ValueError if `object` is no writable int32 array, or if it has no room
  // for every answer of that shape: padded rows need [rows, at least width], packed ones as many
  // elements.
  Out(nanobind::handle object, client::RowLayout layout, const AnswerShape& answer);

  bool is_given() const { return object_.is_valid(); }
  const nanobind::object& object() const { return object_; }

  // Writes positions, and -1 to what is beyond a padded row's count.
  void Write(const client::SelectionResult& result) const;

 private:
  nanobind::object object_;
  OutArray array_;
  int64_t row_width_ = 0;  // padded only
};

// Owns the memory behind its arrays. Used with the GIL held.
class Selection {
 public:
  Selection(std::shared_ptr<client::SelectionResult> result, const Out& out);

  client::SelectionResult& result() const { return *result_; }
  const nanobind::object& out() const { return out_; }

 private:
  std::shared_ptr<client::SelectionResult> result_;
  nanobind::object out_;
};

// What a call answered: rows, or why there are none.
using SharedResult = absl::StatusOr<std::shared_ptr<client::SelectionResult>>;

SharedResult Share(absl::StatusOr<client::SelectionResult> result);

// The selection as Python's. Raises what `result` says if that is not OK.
nanobind::object ToPython(const SharedResult& result, const Out& out);

// Returns the selection; raises BatchError if one of its entries failed.
nanobind::object Checked(nanobind::object selection);

void BindSelection(nanobind::module_& module);

}  // namespace kvsift::python

#endif  // KVSIFT_CLIENT_PYTHON_SRC_SELECTION_H_
