#include "kernels/cuda/batch_run.h"

#include <algorithm>
#include <cstring>

namespace kvsift::cuda {
namespace {

const CudaStore& StoreOf(const BackendStore* store) {
  return static_cast<const CudaStore&>(*store);
}

const CudaPageTable& TableOf(const PageTable* table) {
  return static_cast<const CudaPageTable&>(*table);
}

VectorKind KindOf(const VectorData& data) {
  return data.raw ? static_cast<VectorKind>(*data.raw) : VectorKind::kCodes;
}

int64_t RowsOf(const Selection& selection) {
  return std::ssize(selection.visible) *
         RowsPerToken(selection.policy.grouping, StoreOf(selection.store).shape());
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

// The launch of `store` in `launches`, begun where there is none.
template <class Launch>
Launch& LaunchFor(std::vector<Launch>& launches, const CudaStore& store) {
  for (Launch& launch : launches) {
    if (launch.store == &store) return launch;
  }
  launches.push_back({.store = &store, .jobs = {}});
  return launches.back();
}

}  // namespace

absl::Status BatchRun::Create() {
  absl::Status status = stream_.Create();
  if (status.ok()) status = done_.Create();
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
    add(static_cast<int64_t>(write.keys.bytes.size() + sizeof(KeyJob)));
  }
  extent_ = {};
  for (const KeyRead& read : batch.reads) {
    add(sizeof(KeyJob));
    extent_.read_bytes += Staging::Footprint(static_cast<int64_t>(read.codes.size()));
  }
  for (const Selection& selection : batch.selections) {
    add(static_cast<int64_t>(selection.queries.bytes.size() + selection.query_scales.size_bytes() +
                             sizeof(QueryJob) + 64));
    staging += selections_.StagingBytes(selection);
    if (selection.queries.raw) encoded += EncodedBytes(selection);
    const int64_t rows = RowsOf(selection);
    extent_.positions += rows * selection.row_width;
    extent_.counts += rows;
    if (selection.scores != nullptr) extent_.scores += rows * selection.row_width;
  }
  absl::Status status = staging_.Begin(staging);
  if (status.ok()) status = encoded_.Reserve(encoded);
  if (status.ok()) status = device_answers_.Reserve(extent_.bytes());
  if (status.ok()) status = host_answers_.Reserve(extent_.bytes());
  return status;
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
  staged_edits_ = staging_.Add(edits_);
  staged_copies_ = staging_.Add(copies_);
  return absl::OkStatus();
}

void BatchRun::StageKeys(const Batch& batch) {
  writes_.clear();
  reads_.clear();
  const auto add = [](std::vector<KeyLaunch>& launches, const CudaStore& store, KeyJob job) {
    KeyLaunch& launch = LaunchFor(launches, store);
    job.first_item = launch.items;
    launch.items += KeyJobItems(job.start, job.count, store.shape().kv_heads);
    if (job.count > 0) launch.jobs.push_back(job);
  };
  for (const KeyWrite& write : batch.writes) {
    const CudaStore& store = StoreOf(write.store);
    const std::byte* data = staging_.Add(std::span<const std::byte>(write.keys.bytes));
    add(writes_, store,
        {.table = TableOf(write.table).entries(),
         .data = reinterpret_cast<uint8_t*>(const_cast<std::byte*>(data)),
         .thresholds = store.ThresholdsOf(write.layer),
         .first_item = 0,
         .start = write.start,
         .count = write.count,
         .layer_offset = HeadOffset(store.layout(), write.layer, 0),
         .kind = KindOf(write.keys)});
  }
  std::byte* read_to = device_answers_.data() + extent_.read_offset();
  for (const KeyRead& read : batch.reads) {
    const CudaStore& store = StoreOf(read.store);
    add(reads_, store,
        {.table = TableOf(read.table).entries(),
         .data = reinterpret_cast<uint8_t*>(read_to),
         .thresholds = nullptr,
         .first_item = 0,
         .start = read.start,
         .count = read.count,
         .layer_offset = HeadOffset(store.layout(), read.layer, 0),
         .kind = VectorKind::kCodes});
    read_to += Staging::Footprint(static_cast<int64_t>(read.codes.size()));
  }
  for (auto* launches : {&writes_, &reads_}) {
    for (KeyLaunch& launch : *launches) launch.staged = staging_.Add(launch.jobs);
  }
}

// Brings the queries of a selection to the device: codes as they are, raw ones to be encoded into
// `encoded_` from byte `encoded` on.
void BatchRun::StageQueries(const Selection& selection, int64_t& encoded, DeviceQueries& queries) {
  const std::byte* bytes = staging_.Add(std::span<const std::byte>(selection.queries.bytes));
  const bool scaled = HasQueryScales(selection.policy.estimator);
  if (!selection.queries.raw) {
    queries.codes = reinterpret_cast<const uint32_t*>(bytes);
    if (scaled) queries.scales = staging_.Add(selection.query_scales);
    return;
  }
  const int64_t vectors = VectorsOf(selection);
  std::byte* codes = encoded_.data() + encoded;
  std::byte* scales = codes + Staging::Footprint(vectors * QueryCodeBytes(selection));
  encoded += EncodedBytes(selection);
  QueryLaunch& launch = LaunchFor(raw_queries_, StoreOf(selection.store));
  launch.jobs.push_back({.raw = reinterpret_cast<const uint8_t*>(bytes),
                         .codes = reinterpret_cast<uint32_t*>(codes),
                         .scales = scaled ? reinterpret_cast<float*>(scales) : nullptr,
                         .first_item = launch.vectors,
                         .vectors = vectors,
                         .kind = KindOf(selection.queries)});
  launch.vectors += vectors;
  queries.codes = launch.jobs.back().codes;
  queries.scales = launch.jobs.back().scales;
}

absl::Status BatchRun::StageSelections(const Batch& batch) {
  selections_.Clear();
  raw_queries_.clear();
  int64_t encoded = 0;
  Extent next;
  for (const Selection& selection : batch.selections) {
    const int64_t rows = RowsOf(selection);
    if (rows == 0) continue;
    DeviceQueries queries;
    StageQueries(selection, encoded, queries);
    selections_.Add(selection, queries, next.positions, next.counts, next.scores);
    next.positions += rows * selection.row_width;
    next.counts += rows;
    if (selection.scores != nullptr) next.scores += rows * selection.row_width;
  }
  for (QueryLaunch& launch : raw_queries_) launch.staged = staging_.Add(launch.jobs);
  int32_t* answers = reinterpret_cast<int32_t*>(device_answers_.data());
  return selections_.Stage(staging_, pages_,
                           {.positions = answers,
                            .counts = answers + extent_.positions,
                            .scores = answers + extent_.positions + extent_.counts});
}

absl::Status BatchRun::Launch() {
  cudaStream_t stream = stream_.get();
  if (!edits_.empty()) {
    KVSIFT_RETURN_IF_CUDA_ERROR(
        LaunchTableEdits(staged_edits_, static_cast<int>(edits_.size()), stream));
  }
  if (!copies_.empty()) {
    KVSIFT_RETURN_IF_CUDA_ERROR(
        LaunchPageCopies(staged_copies_, static_cast<int>(copies_.size()), pages_, stream));
  }
  for (const KeyLaunch& launch : writes_) {
    if (launch.items == 0) continue;
    KVSIFT_RETURN_IF_CUDA_ERROR(LaunchKeyWrites(launch.store->layout(), launch.staged,
                                                static_cast<int>(launch.jobs.size()), launch.items,
                                                pages_, stream));
  }
  for (const QueryLaunch& launch : raw_queries_) {
    KVSIFT_RETURN_IF_CUDA_ERROR(LaunchQueryEncoding(launch.store->layout(), launch.staged,
                                                    static_cast<int>(launch.jobs.size()),
                                                    launch.vectors, stream));
  }
  for (const KeyLaunch& launch : reads_) {
    if (launch.items == 0) continue;
    KVSIFT_RETURN_IF_CUDA_ERROR(LaunchKeyReads(launch.store->layout(), launch.staged,
                                               static_cast<int>(launch.jobs.size()), launch.items,
                                               pages_, stream));
  }
  return selections_.Launch(stream);
}

absl::Status BatchRun::Start(const Batch& batch) {
  absl::Status status = Reserve(batch);
  if (status.ok()) status = StageTables(batch);
  if (!status.ok()) return status;
  StageKeys(batch);
  status = StageSelections(batch);
  if (status.ok()) status = staging_.Upload(stream_.get());
  if (status.ok()) status = Launch();
  if (!status.ok()) return status;
  if (extent_.bytes() > 0) {
    KVSIFT_RETURN_IF_CUDA_ERROR(cudaMemcpyAsync(host_answers_.data(), device_answers_.data(),
                                                static_cast<size_t>(extent_.bytes()),
                                                cudaMemcpyDeviceToHost, stream_.get()));
  }
  KVSIFT_RETURN_IF_CUDA_ERROR(cudaEventRecord(done_.get(), stream_.get()));
  return absl::OkStatus();
}

bool BatchRun::Done() const { return cudaEventQuery(done_.get()) != cudaErrorNotReady; }

absl::Status BatchRun::Finish(const Batch& batch) {
  KVSIFT_RETURN_IF_CUDA_ERROR(cudaStreamSynchronize(stream_.get()));
  HandOver(batch);
  return absl::OkStatus();
}

void BatchRun::HandOver(const Batch& batch) const {
  const int32_t* positions = reinterpret_cast<const int32_t*>(host_answers_.data());
  const int32_t* counts = positions + extent_.positions;
  const int32_t* scores = counts + extent_.counts;
  for (const Selection& selection : batch.selections) {
    const int64_t rows = RowsOf(selection);
    const int64_t entries = rows * selection.row_width;
    std::copy_n(positions, entries, selection.positions);
    std::copy_n(counts, rows, selection.counts);
    positions += entries;
    counts += rows;
    if (selection.scores == nullptr) continue;
    std::copy_n(scores, entries, selection.scores);
    scores += entries;
  }
  const std::byte* codes = host_answers_.data() + extent_.read_offset();
  for (const KeyRead& read : batch.reads) {
    std::copy_n(codes, read.codes.size(), read.codes.data());
    codes += Staging::Footprint(static_cast<int64_t>(read.codes.size()));
  }
}

}  // namespace kvsift::cuda
