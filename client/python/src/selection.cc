#include "client/python/src/selection.h"

#include <nanobind/stl/string.h>

#include <algorithm>
#include <span>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/python/src/raise.h"

namespace nb = nanobind;

namespace kvsift::python {
namespace {

using client::SelectionResult;

template <typename T>
using NumpyArray = nb::ndarray<nb::numpy, T>;

// A numpy array on memory of the selection `self`, which it keeps alive.
template <typename T>
nb::object View(nb::handle self, std::vector<T>& list) {
  return nb::cast(NumpyArray<T>(list.data(), {list.size()}, self));
}

// Padded rows as [rows, width], packed ones as they are.
nb::object ViewRows(nb::handle self, const SelectionResult& result, std::vector<int32_t>& list) {
  if (!result.offsets.empty()) return View(self, list);
  return nb::cast(NumpyArray<int32_t>(
      list.data(), {static_cast<size_t>(result.rows()), static_cast<size_t>(result.width)}, self));
}

Selection& Self(nb::handle self) { return *nb::inst_ptr<Selection>(self); }

nb::object Positions(nb::handle self) {
  Selection& selection = Self(self);
  if (selection.out().is_valid()) return selection.out();
  return ViewRows(self, selection.result(), selection.result().positions);
}

nb::object Offsets(nb::handle self) {
  std::vector<int32_t>& offsets = Self(self).result().offsets;
  return offsets.empty() ? nb::none() : View(self, offsets);
}

nb::object Scores(nb::handle self) {
  SelectionResult& result = Self(self).result();
  // A selection of nothing has no scores either; whoever asked for them gets an empty array.
  if (result.scores.empty() && !result.positions.empty()) return nb::none();
  return ViewRows(self, result, result.scores);
}

nb::object Row(nb::handle self, int64_t row) {
  SelectionResult& result = Self(self).result();
  if (row < 0 || row >= result.rows()) {
    RaiseIndexError(absl::StrCat("row: ", row, ", expected 0 to ", result.rows() - 1));
  }
  const std::span<const int32_t> positions = result.Row(row);
  int32_t* data = result.positions.data() + (positions.data() - result.positions.data());
  return nb::cast(NumpyArray<int32_t>(data, {positions.size()}, self));
}

std::string Repr(const Selection& selection) {
  const SelectionResult& result = selection.result();
  return absl::StrCat("Selection(rows=", result.rows(), ", width=", result.width,
                      ", entries=", result.epochs.size(), ", errors=", result.errors.size(), ")");
}

}  // namespace

Out::Out(nb::handle object, client::RowLayout layout, const AnswerShape& answer) {
  if (object.is_none()) return;
  array_ = ImportOut(object);
  const auto size = static_cast<int64_t>(array_.size());
  const int64_t needed = answer.rows * answer.width;
  if (layout == client::RowLayout::kPacked) {
    if (size < needed) {
      RaiseValueError(absl::StrCat("out: ", size, " elements, expected at least ", needed, " (",
                                   answer.rows, " rows of up to ", answer.width, ")"));
    }
  } else {
    row_width_ = array_.ndim() == 0 ? 0 : static_cast<int64_t>(array_.shape(array_.ndim() - 1));
    if (row_width_ < answer.width || size != answer.rows * row_width_) {
      RaiseValueError(absl::StrCat("out: ", size, " elements in rows of ", row_width_,
                                   ", expected [rows ", answer.rows, ", width at least ",
                                   answer.width, "]"));
    }
  }
  object_ = nb::borrow(object);
}

void Out::Write(const SelectionResult& result) const {
  int32_t* out = array_.data();
  if (!result.offsets.empty()) {
    std::copy(result.positions.begin(), result.positions.end(), out);
    return;
  }
  for (int64_t row = 0; row < result.rows(); ++row, out += row_width_) {
    const std::span<const int32_t> positions = result.Row(row);
    std::fill(std::copy(positions.begin(), positions.end(), out), out + row_width_, -1);
  }
}

Selection::Selection(std::shared_ptr<SelectionResult> result, const Out& out)
    : result_(std::move(result)), out_(out.object()) {
  if (out.is_given()) out.Write(*result_);
}

SharedResult Share(absl::StatusOr<SelectionResult> result) {
  if (!result.ok()) return result.status();
  return std::make_shared<SelectionResult>(*std::move(result));
}

nb::object ToPython(const SharedResult& result, const Out& out) {
  if (!result.ok()) Raise(result.status());
  return nb::cast(Selection(*result, out));
}

nb::object Checked(nb::object selection) {
  const auto& errors = Self(selection).result().errors;
  if (!errors.empty()) RaiseBatchError(errors, selection);
  return selection;
}

void BindSelection(nb::module_& module) {
  nb::class_<Selection>(module, "Selection",
                        "Lists of positions.\n\n"
                        "One row is one (entry, query token, head or kv head or layer), in that "
                        "order. A failed entry keeps its rows, with count 0. The arrays are numpy "
                        "arrays on the selection's memory and keep it alive.")
      .def_prop_ro(
          "counts", [](nb::handle self) { return View(self, Self(self).result().counts); },
          "Positions of each row, int32 [rows].")
      .def_prop_ro("positions", &Positions,
                   "Positions, ascending in each row: int32 [rows, width], -1 after the count; "
                   "packed: [sum of counts]. What was given as `out`, if it was.")
      .def_prop_ro("offsets", &Offsets,
                   "Packed: row r is positions[offsets[r]:offsets[r + 1]], int32 [rows + 1]; "
                   "padded: None.")
      .def_prop_ro("scores", &Scores,
                   "Scores of the positions, int32, shaped like them; None unless asked for.")
      .def_prop_ro(
          "entry_rows", [](nb::handle self) { return View(self, Self(self).result().entry_rows); },
          "Entry e has rows entry_rows[e] to entry_rows[e + 1] - 1, int64 [entries + 1].")
      .def_prop_ro(
          "epochs", [](nb::handle self) { return View(self, Self(self).result().epochs); },
          "Of the sequences, uint64 [entries]; 0 if one does not exist.")
      .def_prop_ro(
          "lengths", [](nb::handle self) { return View(self, Self(self).result().lengths); },
          "Of the layer, int64 [entries].")
      .def_prop_ro(
          "errors", [](const Selection& selection) { return ToPython(selection.result().errors); },
          "A kvsift.EntryError for each entry that failed, ascending by entry.")
      .def_prop_ro(
          "server_incarnation",
          [](const Selection& self) { return self.result().server_incarnation; },
          "Another value than before means that the server has lost all state.")
      .def_prop_ro("rows", [](const Selection& self) { return self.result().rows(); })
      .def_prop_ro(
          "width", [](const Selection& self) { return self.result().width; },
          "Positions of a padded row; packed: 0.")
      .def_prop_ro(
          "ok", [](const Selection& self) { return self.result().ok(); },
          "True if no entry failed.")
      .def("row", &Row, nb::arg("row"),
           "Positions of one row, int32 [counts[row]]. Raises IndexError. Not those in `out`.")
      .def("__repr__", &Repr);
}

}  // namespace kvsift::python
