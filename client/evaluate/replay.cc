#include "client/evaluate/replay.h"

#include <algorithm>
#include <cstring>
#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"

namespace kvsift::evaluate {
namespace {

constexpr uint64_t kSequence = 1;

// Recorded queries [first, first + count) in the order of the wire: [count, query_heads, head_dim].
std::vector<std::byte> QueriesByPosition(const trace::TraceVectors& queries, int64_t first,
                                         int64_t count) {
  const int64_t vector_bytes = queries.head_dim * ElementBytes(queries.type);
  std::vector<std::byte> out(count * queries.heads * vector_bytes);
  for (int64_t head = 0; head < queries.heads; ++head) {
    const std::span<const std::byte> from = queries.Of(head, first, count);
    for (int64_t i = 0; i < count; ++i) {
      std::memcpy(&out[(i * queries.heads + head) * vector_bytes], &from[i * vector_bytes],
                  vector_bytes);
    }
  }
  return out;
}

// The error of the only entry of a batch, or OK.
template <typename Result>
absl::Status OnlyEntry(const Result& result) {
  return result.ok() ? absl::OkStatus() : result.errors[0].status;
}

// True for ascending positions of [0, visible).
bool IsList(std::span<const int32_t> list, int64_t visible) {
  return list.empty() ||
         (list.front() >= 0 && list.back() < visible && std::is_sorted(list.begin(), list.end()));
}

}  // namespace

absl::StatusOr<Replay> Replay::Start(Client& client, const trace::Trace& trace,
                                     const client::StoreConfig& config, absl::Duration timeout) {
  absl::StatusOr<client::Store> store = client.CreateStore(config, absl::Now() + timeout);
  if (!store.ok()) return store.status();
  return Replay(client, trace, *std::move(store), timeout);
}

Replay::Replay(Client& client, const trace::Trace& trace, client::Store store,
               absl::Duration timeout)
    : client_(&client), trace_(&trace), store_(std::move(store)), timeout_(timeout) {}

Replay::Replay(Replay&& other) noexcept
    : client_(other.client_),
      trace_(other.trace_),
      store_(std::move(other.store_)),
      timeout_(other.timeout_),
      exists_(std::exchange(other.exists_, false)) {}

Replay::~Replay() { Finish().IgnoreError(); }

absl::Status Replay::Finish() {
  if (!std::exchange(exists_, false)) return absl::OkStatus();
  return client_->DeleteStore(store_.config.name, Deadline());
}

absl::Time Replay::Deadline() const { return absl::Now() + timeout_; }

absl::Status Replay::AppendLayer(int32_t layer) {
  const trace::TraceVectors& keys = trace_->layers().at(layer).keys;
  const std::vector<std::byte> bytes = KeysByPosition(keys, trace_->tokens());
  client::AppendRequest request;
  request.layer_ids = {layer};
  request.entries = {{kSequence, 0, trace_->tokens(), {}}};
  request.keys = {bytes, keys.type};
  request.encode = client::EncodeOn::kServer;
  const auto result = client_->Append(store_, request, Deadline());
  return result.ok() ? OnlyEntry(*result) : result.status();
}

absl::StatusOr<ReplayedSelection> Replay::Select(int32_t layer, const Policy& policy,
                                                 int64_t max_answer_bytes) const {
  const StoreShape shape = store_.config.Shape();
  const int64_t tokens = std::ssize(trace_->query_positions());
  const int64_t token_bytes = RowsPerToken(policy.grouping, shape) *
                              (RowCapacity(policy, shape) + 2) *
                              static_cast<int64_t>(sizeof(int32_t));
  const int64_t batch = std::clamp<int64_t>(max_answer_bytes / token_bytes, 1, tokens);
  ReplayedSelection replayed;
  ReplayedSelection warm_up;
  absl::Status status = SelectBatch(layer, policy, 0, batch, warm_up);
  for (int64_t first = 0; status.ok() && first < tokens; first += batch) {
    status = SelectBatch(layer, policy, first, std::min(batch, tokens - first), replayed);
  }
  if (!status.ok()) return status;
  return replayed;
}

absl::Status Replay::SelectBatch(int32_t layer, const Policy& policy, int64_t first, int64_t count,
                                 ReplayedSelection& replayed) const {
  const trace::TraceVectors& queries = trace_->layers().at(layer).queries;
  const std::vector<std::byte> bytes = QueriesByPosition(queries, first, count);
  std::vector<int64_t> visible;
  for (const int32_t position : trace_->query_positions().subspan(first, count)) {
    visible.push_back(position + 1);
  }
  client::SelectRequest request;
  request.layer_id = layer;
  request.entries = {{kSequence, count, 0, {}}};
  request.queries.policies = {policy};
  request.queries.vectors = {bytes, queries.type};
  request.queries.visible_lengths = visible;
  const absl::Time start = absl::Now();
  const auto result = client_->Select(store_, request, Deadline());
  replayed.elapsed += absl::Now() - start;
  ++replayed.calls;
  if (!result.ok()) return result.status();
  if (!result->ok()) return OnlyEntry(*result);
  const int rows_per_token = RowsPerToken(policy.grouping, store_.config.Shape());
  for (int64_t row = 0; row < result->rows(); ++row) {
    const std::span<const int32_t> list = result->Row(row);
    // They index the truth: a wrong server must not make this program read out of bounds.
    if (!IsList(list, visible[row / rows_per_token])) {
      return absl::InternalError(absl::StrCat("row ", row, " is no ascending list of positions"));
    }
    replayed.lists.emplace_back(list.begin(), list.end());
  }
  return absl::OkStatus();
}

absl::StatusOr<int64_t> Replay::ResidentBytes() const {
  const absl::StatusOr<client::Store> store = client_->GetStore(store_.config.name, Deadline());
  if (!store.ok()) return store.status();
  return store->resident_bytes;
}

std::string UniqueStoreName() {
  std::random_device random;
  return absl::StrFormat("evaluate-%08x%08x", random(), random());
}

}  // namespace kvsift::evaluate
