#include "kernels/reference/reference_backend.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "kernels/encode/portable_encode.h"
#include "kernels/reference/key_pages.h"
#include "kernels/reference/selection.h"

namespace kvsift {
namespace {

// Thread-safe because batches in flight never conflict and nothing else is shared.
class ReferenceBackend final : public Backend {
 public:
  explicit ReferenceBackend(std::unique_ptr<PageMemory> memory)
      : memory_(std::move(memory)),
        info_{.name = "reference",
              .description = "portable, one thread, one dimension at a time",
              .memory_bytes = memory_->bytes()} {}

  const BackendInfo& info() const override { return info_; }

  absl::StatusOr<std::unique_ptr<BackendStore>> CreateStore(const StoreFormat& format,
                                                            const PageLayout& layout) override {
    return std::make_unique<ReferenceStore>(format, layout);
  }

  std::unique_ptr<PageTable> CreatePageTable(const BackendStore&) override {
    return std::make_unique<ReferencePageTable>();
  }

  void Discard(PageAddress address, int64_t bytes) override {
    memory_->Discard(static_cast<int64_t>(address), bytes);
  }

  void Submit(const Batch& batch, BatchObserver& observer) override {
    for (const TableEdit& edit : batch.table_edits) {
      static_cast<ReferencePageTable*>(edit.table)->Apply(edit);
    }
    for (const PageCopy& copy : batch.page_copies) Copy(copy);
    for (const KeyWrite& write : batch.writes) Write(write);
    for (const KeyRead& read : batch.reads) {
      Keys(read).Read(read.start, read.count, read.codes);
    }
    for (const Selection& selection : batch.selections) {
      SelectByReference(selection, StoreOf(selection).format, Keys(selection));
    }
    observer.OnBatchDone(batch, absl::OkStatus());
  }

 private:
  template <typename Operation>
  static const ReferenceStore& StoreOf(const Operation& operation) {
    return static_cast<const ReferenceStore&>(*operation.store);
  }

  template <typename Operation>
  KeyPages Keys(const Operation& operation) const {
    return KeyPages(memory_->data(), StoreOf(operation),
                    static_cast<const ReferencePageTable&>(*operation.table), operation.layer);
  }

  void Copy(const PageCopy& copy) const {
    std::copy_n(memory_->data() + copy.from, StoreOf(copy).layout.page_bytes,
                memory_->data() + copy.to);
  }

  void Write(const KeyWrite& write) const {
    if (!write.keys.raw) {
      Keys(write).Write(write.start, write.count, write.keys.bytes);
      return;
    }
    const StoreFormat& format = StoreOf(write).format;
    std::vector<std::byte> codes(
        static_cast<size_t>(write.count * format.shape.key_bytes_per_position()));
    EncodeKeysPortably(format, write.layer, *write.keys.raw, write.keys.bytes, codes);
    Keys(write).Write(write.start, write.count, codes);
  }

  const std::unique_ptr<PageMemory> memory_;
  const BackendInfo info_;
};

}  // namespace

std::unique_ptr<Backend> CreateReferenceBackend(std::unique_ptr<PageMemory> memory) {
  return std::make_unique<ReferenceBackend>(std::move(memory));
}

}  // namespace kvsift
