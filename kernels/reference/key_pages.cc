#include "kernels/reference/key_pages.h"

#include <algorithm>
#include <cassert>

namespace kvsift {

void ReferencePageTable::Apply(const TableEdit& edit) {
  const size_t first = static_cast<size_t>(edit.first);
  pages.resize(std::max(pages.size(), first + edit.pages.size()));
  std::copy(edit.pages.begin(), edit.pages.end(), pages.begin() + edit.first);
}

std::span<std::byte> KeyPages::Code(int64_t position, int kv_head) const {
  const PageLayout& layout = store_.layout;
  const int64_t page = position / layout.positions;
  const int in_page = static_cast<int>(position % layout.positions);
  assert(page < std::ssize(table_.pages));
  const int64_t code_bytes = layout.codes.unit_bytes / kTilePositions;
  const int64_t offset =
      layout.codes.UnitOffset(layer_, kv_head, in_page) + in_page % kTilePositions * code_bytes;
  return {memory_ + table_.pages[static_cast<size_t>(page)] + offset,
          static_cast<size_t>(code_bytes)};
}

void KeyPages::Write(int64_t start, int64_t count, std::span<const std::byte> codes) const {
  const std::byte* next = codes.data();
  for (int64_t position = start; position < start + count; ++position) {
    for (int kv_head = 0; kv_head < store_.format.shape.kv_heads; ++kv_head) {
      const auto code = Code(position, kv_head);
      std::copy_n(next, code.size(), code.data());
      next += code.size();
    }
  }
}

void KeyPages::Read(int64_t start, int64_t count, std::span<std::byte> codes) const {
  std::byte* next = codes.data();
  for (int64_t position = start; position < start + count; ++position) {
    for (int kv_head = 0; kv_head < store_.format.shape.kv_heads; ++kv_head) {
      const auto code = Code(position, kv_head);
      next = std::copy_n(code.data(), code.size(), next);
    }
  }
}

}  // namespace kvsift
