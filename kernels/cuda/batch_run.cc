#include "kernels/cuda/batch_run.h"

#include <algorithm>

namespace kvsift::cuda {
namespace {

// What a run has from the beginning: codes and scales of 64 raw queries of head_dim 256.
constexpr int64_t kFirstEncodedBytes = 64 * (128 + 32);

// A flag that a failed device never raises must not be waited for longer than this.
constexpr std::chrono::microseconds kAskEvery(100);

const CudaStore& StoreOf(const BackendStore* store) {
  return static_cast<const CudaStore&>(*store);
}

const CudaPageTable& TableOf(const PageTable* table) {
  return static_cast<const CudaPageTable&>(*table);
}

VectorKind KindOf(const VectorData& data) {
  return data.raw ? static_cast<VectorKind>(*data.raw) : VectorKind::kCodes;
}

int64_t VectorsOf(const Selection& selection) {
  return std::ssize(selection.visible) * StoreOf(selection.store).shape().query_heads;
}

int64_t QueryCodeBytes(const Selection& selection) {
  const StoreShape& shape = StoreOf(selection.store).shape();
  return CodeBytes(shape.head_dim, QueryPlanes(selection.policy.estimator, shape.key_bits));
}

// Bytes that the encoded codes and scales of a raw selection take.
int64_t EncodedBytes(const Selection& selection) {
  const int64_t vectors = VectorsOf(selection);
  return Staging::Footprint(vectors * QueryCodeBytes(selection)) + Staging::Footprint(vectors * 4);
}

// Pieces that a write of `bytes` bytes is cut into, or more.
int64_t MostPieces(int64_t bytes, int64_t piece_bytes) { return 4 * bytes / piece_bytes + 3; }

}  // namespace

absl::Status BatchRun::Create(Priority priority, const FirstRoom& room) {
  absl::Status status = stream_.Create(priority);
  if (status.ok()) status = staging_.Begin(room.staging);
  if (status.ok()) status = encoded_.Reserve(kFirstEncodedBytes);
  if (status.ok()) status = answers_.Create(room.answers);
  return status;
}

absl::Status BatchRun::Reserve(const Batch& batch) {
  int64_t staging = 64 * Staging::Footprint(1);
  int64_t encoded = 0;
  const auto add = [&staging](int64_t bytes) { staging += Staging::Footprint(bytes) + 32; };
  for (const TableEdit& edit : batch.table_edits) {
    add(static_cast<int64_t>(edit.pages.size_bytes() + sizeof(TableEditJob)));
  }
  add(std::ssize(batch.page_copies) * static_cast<int64_t>(sizeof(PageCopyJob)));
  for (const KeyWrite& write : batch.writes) {
    const int64_t bytes = std::ssize(write.keys.bytes);
    const int64_t pieces = MostPieces(bytes, tuning_.crossing.write_piece_bytes);
    add(bytes + pieces * static_cast<int64_t>(sizeof(KeyJob) + 2 * Staging::Footprint(1)));
  }
  add(std::ssize(batch.reads) * static_cast<int64_t>(sizeof(KeyJob) + Staging::Footprint(1)));
  for (const Selection& selection : batch.selections) {
    add(static_cast<int64_t>(selection.queries.bytes.size() + selection.query_scales.size_bytes() +
                             sizeof(QueryJob) + 64));
    staging += selections_.StagingBytes(selection);
    if (selection.queries.raw) encoded += EncodedBytes(selection);
  }
  const StagingPath path = PathFor(batch, staging);
  // A batch that is so much smaller than a piece has one for each write.
  keys_stay_ = path == StagingPath::kFetched && AreFewWrites(batch) &&
               staging <= tuning_.crossing.write_piece_bytes / kTileKeys;
  absl::Status status = staging_.Begin(staging, path);
  if (status.ok()) status = encoded_.Reserve(encoded);
  if (status.ok()) status = answers_.Begin(batch);
  return status;
}

// Unread where the queries travel with the launch that scores, and so do units and columns.
StagingPath BatchRun::PathFor(const Batch& batch, int64_t staging_bytes) const {
  if (staging_bytes > tuning_.crossing.most_fetched_bytes) return StagingPath::kCopied;
  if (!tuning_.crossing.queries_travel || !batch.table_edits.empty() ||
      !batch.page_copies.empty() || !batch.writes.empty() || !batch.reads.empty() ||
      batch.selections.size() != 1) {
    return StagingPath::kFetched;
  }
  const Selection& selection = batch.selections.front();
  if (selection.policy.grouping != Grouping::kHead || selection.queries.raw ||
      selection.scores != nullptr) {
    return StagingPath::kFetched;
  }
  return selections_.Travels(selection) ? StagingPath::kUnread : StagingPath::kFetched;
}

// Whether the writes' jobs travel with the launch that fetches what is staged.
bool BatchRun::AreFewWrites(const Batch& batch) {
  const auto& writes = batch.writes;
  return !writes.empty() && writes.size() <= FewKeyJobs::kMost && batch.table_edits.empty() &&
         batch.page_copies.empty() &&
         std::all_of(writes.begin(), writes.end(), [&](const KeyWrite& write) {
           return write.store == writes.front().store && write.count > 0;
         });
}

absl::Status BatchRun::StageTables(const Batch& batch) {
  edits_.clear();
  copies_.clear();
  for (const TableEdit& edit : batch.table_edits) {
    auto& table = static_cast<CudaPageTable&>(*edit.table);
    const int64_t count = std::ssize(edit.pages);
    absl::Status status = table.Reserve(edit.first + count, stream_.get());
    if (!status.ok()) return status;
    if (count == 0) continue;
    // Addresses are filled in below: another edit may still move the table.
    edits_.push_back(
        {.table = nullptr, .first = edit.first, .count = count, .pages = staging_.Add(edit.pages)});
  }
  auto next = edits_.begin();
  for (const TableEdit& edit : batch.table_edits) {
    if (!edit.pages.empty()) (next++)->table = TableOf(edit.table).entries();
  }
  for (const PageCopy& copy : batch.page_copies) {
    copies_.push_back({.from = static_cast<int64_t>(copy.from),
                       .to = static_cast<int64_t>(copy.to),
                       .bytes = StoreOf(copy.store).page_bytes()});
  }
  return absl::OkStatus();
}

// Stages the writes, and launches what is staged whenever it has the size of a piece.
absl::Status BatchRun::StageWrites(const Batch& batch) {
  writes_.Clear();
  const int64_t piece_bytes = tuning_.crossing.write_piece_bytes;
  for (const KeyWrite& write : batch.writes) {
    if (write.count == 0) continue;
    const int64_t position_bytes = std::ssize(write.keys.bytes) / write.count;
    const int64_t most = std::max<int64_t>(kTileKeys, piece_bytes / position_bytes);
    for (int64_t first = 0, end = 0; first < write.count; first = end) {
      // A tile that two pieces write would be written key by key.
      end = (write.start + first + most) / kTileKeys * kTileKeys - write.start;
      end = std::min(end, write.count);
      if (staging_.pending_bytes() > 0 &&
          staging_.pending_bytes() + (end - first) * position_bytes > piece_bytes) {
        absl::Status status = LaunchChanges(Fill{});
        if (!status.ok()) return status;
      }
      StageWrite(write, first, end - first);
    }
  }
  return absl::OkStatus();
}

// Stages positions [first, first + count) of those that `write` has.
void BatchRun::StageWrite(const KeyWrite& write, int64_t first, int64_t count) {
  const CudaStore& store = StoreOf(write.store);
  const size_t position_bytes = write.keys.bytes.size() / static_cast<size_t>(write.count);
  const auto keys = std::span<const std::byte>(write.keys.bytes)
                        .subspan(static_cast<size_t>(first) * position_bytes,
                                 static_cast<size_t>(count) * position_bytes);
  const std::byte* data = keys_stay_ ? staging_.AddToStay(keys) : staging_.Add(keys);
  const int64_t start = write.start + first;
  writes_.Of(store).Add({.table = TableOf(write.table).entries(),
                         .data = reinterpret_cast<uint8_t*>(const_cast<std::byte*>(data)),
                         .thresholds = store.ThresholdsOf(write.layer),
                         .first_item = 0,
                         .start = start,
                         .count = count,
                         .layer_offset = HeadOffset(store.layout(), write.layer, 0),
                         .kind = KindOf(write.keys)},
                        KeyJobItems(start, count, store.shape().kv_heads));
}

// Launches the writes with the fetch of everything staged.
absl::Status BatchRun::LaunchArrival(const Fill& fill) {
  const auto& writes = writes_.all().front();
  FewKeyJobs few;
  few.count = static_cast<int>(writes.jobs.size());
  std::copy(writes.jobs.begin(), writes.jobs.end(), few.jobs);
  KVSIFT_RETURN_IF_CUDA_ERROR(LaunchKeyArrival(writes.store->layout(), few, writes.items,
                                               staging_.TakePending(fill), pages_, stream_.get()));
  return absl::OkStatus();
}

// Brings everything staged so far to the device, fills `fill`, and launches what changes pages and
// tables.
absl::Status BatchRun::LaunchChanges(const Fill& fill) {
  const TableEditJob* edits = staging_.Add(edits_);
  const PageCopyJob* copies = staging_.Add(copies_);
  for (auto& writes : writes_.all()) writes.staged = staging_.Add(writes.jobs);
  cudaStream_t stream = stream_.get();
  absl::Status status = staging_.Upload(fill, stream);
  if (!status.ok()) return status;
  if (!edits_.empty()) {
    KVSIFT_RETURN_IF_CUDA_ERROR(LaunchTableEdits(edits, static_cast<int>(edits_.size()), stream));
  }
  if (!copies_.empty()) {
    KVSIFT_RETURN_IF_CUDA_ERROR(
        LaunchPageCopies(copies, static_cast<int>(copies_.size()), pages_, stream));
  }
  for (const auto& writes : writes_.all()) {
    KVSIFT_RETURN_IF_CUDA_ERROR(LaunchKeyWrites(writes.store->layout(), writes.staged,
                                                static_cast<int>(writes.jobs.size()), writes.items,
                                                pages_, stream));
  }
  edits_.clear();
  copies_.clear();
  writes_.Clear();
  return absl::OkStatus();
}

void BatchRun::StageReads(const Batch& batch) {
  reads_.Clear();
  AnswerExtent before;
  for (const KeyRead& read : batch.reads) {
    const CudaStore& store = StoreOf(read.store);
    std::byte* data = answers_.reads() + before.read_bytes;
    before.Add(read);
    if (read.count == 0) continue;
    reads_.Of(store).Add({.table = TableOf(read.table).entries(),
                          .data = reinterpret_cast<uint8_t*>(data),
                          .thresholds = nullptr,
                          .first_item = 0,
                          .start = read.start,
                          .count = read.count,
                          .layer_offset = HeadOffset(store.layout(), read.layer, 0),
                          .kind = VectorKind::kCodes},
                         KeyJobItems(read.start, read.count, store.shape().kv_heads));
  }
  for (auto& reads : reads_.all()) reads.staged = staging_.Add(reads.jobs);
}

// Brings the queries of a selection to the device: codes as they are, raw ones to be encoded into
// `encoded_` from byte `encoded` on.
void BatchRun::StageQueries(const Selection& selection, int64_t& encoded, DeviceQueries& queries) {
  const std::byte* bytes = staging_.Add(std::span<const std::byte>(selection.queries.bytes));
  const bool scaled = HasQueryScales(selection.policy.estimator);
  if (!selection.queries.raw) {
    queries.codes = reinterpret_cast<const uint32_t*>(bytes);
    if (tuning_.crossing.queries_travel) {
      queries.host_codes = selection.queries.bytes.data();
    }
    if (scaled) queries.scales = staging_.Add(selection.query_scales);
    return;
  }
  const int64_t vectors = VectorsOf(selection);
  std::byte* codes = encoded_.data() + encoded;
  std::byte* scales = codes + Staging::Footprint(vectors * QueryCodeBytes(selection));
  encoded += EncodedBytes(selection);
  const QueryJob& job = raw_queries_.Of(StoreOf(selection.store))
                            .Add({.raw = reinterpret_cast<const uint8_t*>(bytes),
                                  .codes = reinterpret_cast<uint32_t*>(codes),
                                  .scales = scaled ? reinterpret_cast<float*>(scales) : nullptr,
                                  .first_item = 0,
                                  .vectors = vectors,
                                  .kind = KindOf(selection.queries)},
                                 vectors);
  queries.codes = job.codes;
  queries.scales = job.scales;
}

absl::Status BatchRun::StageSelections(const Batch& batch) {
  selections_.Clear();
  raw_queries_.Clear();
  int64_t encoded = 0;
  AnswerExtent before;
  for (const Selection& selection : batch.selections) {
    if (!selection.visible.empty()) {
      DeviceQueries queries;
      StageQueries(selection, encoded, queries);
      selections_.Add(selection, queries, before.positions, before.counts, before.scores);
    }
    before.Add(selection);
  }
  for (auto& queries : raw_queries_.all()) queries.staged = staging_.Add(queries.jobs);
  return selections_.Stage(staging_, pages_, answers_.selections());
}

// Launches what is read from pages, after LaunchChanges.
absl::Status BatchRun::LaunchAnswers() {
  cudaStream_t stream = stream_.get();
  for (const auto& queries : raw_queries_.all()) {
    KVSIFT_RETURN_IF_CUDA_ERROR(LaunchQueryEncoding(queries.store->layout(), queries.staged,
                                                    static_cast<int>(queries.jobs.size()),
                                                    queries.items, stream));
  }
  for (const auto& reads : reads_.all()) {
    KVSIFT_RETURN_IF_CUDA_ERROR(LaunchKeyReads(reads.store->layout(), reads.staged,
                                               static_cast<int>(reads.jobs.size()), reads.items,
                                               pages_, stream));
  }
  absl::Status status = selections_.Launch(answers_.flag_of_selections(), stream);
  if (status.ok()) status = answers_.Deliver(stream);
  return status;
}

absl::Status BatchRun::Start(const Batch& batch) {
  asked_ = Clock::now();
  absl::Status status = Reserve(batch);
  if (status.ok()) status = StageTables(batch);
  if (status.ok()) status = StageWrites(batch);
  if (!status.ok()) return status;
  StageReads(batch);
  status = StageSelections(batch);
  if (status.ok()) {
    const Fill bests = selections_.bests();
    status = keys_stay_ ? LaunchArrival(bests) : LaunchChanges(bests);
  }
  if (status.ok()) status = LaunchAnswers();
  return status;
}

bool BatchRun::Done() {
  if (answers_.Arrived()) return true;
  const Clock::time_point now = Clock::now();
  if (now - asked_ < kAskEvery) return false;
  asked_ = now;
  const cudaError_t state = cudaStreamQuery(stream_.get());
  if (state == cudaErrorNotReady) cudaGetLastError();  // or the next launch would report it
  return state != cudaErrorNotReady;
}

absl::Status BatchRun::Finish(const Batch& batch) {
  if (!answers_.Arrived()) KVSIFT_RETURN_IF_CUDA_ERROR(cudaStreamSynchronize(stream_.get()));
  answers_.HandOver(batch);
  return absl::OkStatus();
}

}  // namespace kvsift::cuda
