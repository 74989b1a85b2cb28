// The interface between the engine, which knows sequences, and the code that stores and scores
// key codes on some device.
//
// Who owns what
//   The backend owns one flat range of page memory, addressed by byte offset (PageAddress), and
//   the page tables. The engine decides which addresses are pages, which page table names them,
//   and when a page is dead; it never sees a pointer into page memory.
//
// How work flows
//   The engine fills a Batch and submits it. Submit does not wait: it returns at once, or, where
//   the work is small and the device idle, after having run it on the calling thread. The
//   observer hears of completion exactly once, on any thread, possibly inside Submit, and batches
//   may complete in any order. Inside a batch the order is: table edits, page copies, key writes,
//   then key reads and selections together. So "append this token, then select" is one batch and
//   one round trip.
//
// What a backend may rely on
//   Batches in flight at the same time never conflict: the engine lets one batch at a time change
//   a sequence, and none change it while another reads it. Therefore a backend needs no order
//   between batches, may run them on any streams, and may edit a page table in place. Spans in a
//   batch, the batch itself, and the tables and stores it names stay valid until its observer
//   has been told.
//
// How a GPU fits: page memory is one reservation made at creation; a page table is an array in
// device memory that table edits extend with stream-ordered stores; raw vectors or wire codes of a
// KeyWrite are copied once and encoded or permuted into pages by a kernel; a selection's query
// goes in, and its positions come out, through mapped pinned memory; completion is a host
// callback or a polled flag. The position order inside a tile is private to the backend.
#ifndef KVSIFT_KERNELS_BACKEND_H_
#define KVSIFT_KERNELS_BACKEND_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "kernels/format/element.h"
#include "kernels/format/page_layout.h"
#include "kernels/format/store_format.h"
#include "kernels/select/policy.h"

namespace kvsift {

// Byte offset of a page in a backend's page memory.
using PageAddress = uint64_t;

// What a backend keeps per store: shape, layout and quantizer where its kernels read them.
// Created by a backend and used only with it.
class BackendStore {
 public:
  virtual ~BackendStore() = default;
};

// Which page holds which positions of one sequence: entry i is the page of positions
// [i * layout.positions, (i + 1) * layout.positions). Lives where the pages live.
class PageTable {
 public:
  virtual ~PageTable() = default;
};

// Vectors as they came over the wire: ready codes, or raw elements to be encoded.
struct VectorData {
  std::span<const std::byte> bytes;
  std::optional<ElementType> raw;  // nothing: `bytes` are codes in wire layout
};

// Sets entries [first, first + pages.size()) of a table, which grows as needed. A batch edits a
// table at most once.
struct TableEdit {
  PageTable* table = nullptr;
  int64_t first = 0;
  std::span<const PageAddress> pages;
};

// Copies a whole page: the first write to a page that a fork shares.
struct PageCopy {
  const BackendStore* store = nullptr;
  PageAddress from = 0;
  PageAddress to = 0;
};

// Stores keys at positions [start, start + count) of one layer. The table has their pages.
struct KeyWrite {
  const BackendStore* store = nullptr;
  const PageTable* table = nullptr;
  int layer = 0;
  int64_t start = 0;
  int64_t count = 0;
  // Codes [count, kv_heads, planes, D/32] words, or raw [count, kv_heads, head_dim] elements
  // (finite, at most 2^32 in magnitude; the store has key scales).
  VectorData keys;
};

// Reads the codes of positions [start, start + count) of one layer back in wire layout: the
// inverse of KeyWrite, for conflict checks, exports and audits.
struct KeyRead {
  const BackendStore* store = nullptr;
  const PageTable* table = nullptr;
  int layer = 0;
  int64_t start = 0;
  int64_t count = 0;
  std::span<std::byte> codes;  // [count, kv_heads, planes, D/32] words
};

// Selects positions for the query tokens of one sequence at one layer.
struct Selection {
  const BackendStore* store = nullptr;
  const PageTable* table = nullptr;
  int layer = 0;
  Policy policy;  // valid (ValidatePolicy)

  // Codes [tokens, query_heads, planes, D/32] words, or raw [tokens, query_heads, head_dim]
  // elements (finite, at most 2^32 in magnitude).
  VectorData queries;
  // [tokens, query_heads] with codes of an estimator that has query scales; else empty.
  std::span<const float> query_scales;
  // [tokens]: query token t sees positions 0 .. visible[t] - 1, all of them written.
  std::span<const int64_t> visible;

  // Answer rows in the order (token, head or kv head or layer): tokens * RowsPerToken of them.
  int64_t row_width = 0;         // >= RowCapacity(policy)
  int32_t* positions = nullptr;  // [rows, row_width]: ascending, then -1
  int32_t* counts = nullptr;     // [rows]: how many positions are not -1
  int32_t* scores = nullptr;     // [rows, row_width], then 0; null unless grouping is kHead
};

// Work that is submitted together.
struct Batch {
  std::vector<TableEdit> table_edits;
  std::vector<PageCopy> page_copies;
  std::vector<KeyWrite> writes;
  std::vector<KeyRead> reads;
  std::vector<Selection> selections;

  bool empty() const {
    return table_edits.empty() && page_copies.empty() && writes.empty() && reads.empty() &&
           selections.empty();
  }
};

class BatchObserver {
 public:
  virtual ~BatchObserver() = default;

  // Hears that `batch` is complete: OK, or an error when nothing of the batch can be relied on:
  // RESOURCE_EXHAUSTED when the device had no room to work in, UNAVAILABLE when it failed.
  virtual void OnBatchDone(const Batch& batch, absl::Status status) = 0;
};

// How a device serves several processes.
enum class DeviceSharing : uint8_t {
  kNotShared,   // not a GPU
  kTimeSliced,  // in turns: a process waits while another's turn lasts
  kMps,         // through NVIDIA's Multi-Process Service: kernels of several run side by side
};

// How fast a device works, roughly: by it large work is cut into pieces that let others pass.
struct Pace {
  int64_t key_bytes_per_us = 1000;  // of appends, as they come
  int64_t scores_per_us = 100;      // visible keys times query heads
};

struct BackendInfo {
  std::string name;          // "reference", "cpu", "cuda"
  std::string description;   // for people: instruction set or device
  int64_t memory_bytes = 0;  // size of the page memory
  int device = 0;            // number of the GPU, if it is one
  DeviceSharing sharing = DeviceSharing::kNotShared;
  Pace pace = {};
};

// Thread-safe.
class Backend {
 public:
  virtual ~Backend() = default;

  virtual const BackendInfo& info() const = 0;

  // Errors: UNIMPLEMENTED, naming the constraint, if this backend cannot serve the format.
  virtual absl::StatusOr<std::unique_ptr<BackendStore>> CreateStore(const StoreFormat& format,
                                                                    const PageLayout& layout) = 0;

  // An empty table for a sequence of `store`.
  virtual std::unique_ptr<PageTable> CreatePageTable(const BackendStore& store) = 0;

  // Has memory behind [address, address + bytes), before a batch that writes there is submitted.
  // Only a backend whose memory grows has anything to do.
  // Errors: RESOURCE_EXHAUSTED if the device has no more; UNAVAILABLE if it failed.
  virtual absl::Status Provide(PageAddress /*address*/, int64_t /*bytes*/) {
    return absl::OkStatus();
  }

  // Hears that [address, address + bytes) holds nothing that a submitted or later batch reads
  // before writing. The backend may give its memory back to the system.
  virtual void Discard(PageAddress address, int64_t bytes) = 0;

  // Runs `batch` as the head of this file says. Both arguments stay valid until the observer is
  // told. REQUIRES: the batch is not empty and conflicts with no batch in flight.
  virtual void Submit(const Batch& batch, BatchObserver& observer) = 0;
};

}  // namespace kvsift

#endif  // KVSIFT_KERNELS_BACKEND_H_
