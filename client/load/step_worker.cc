#include "client/load/step_worker.h"

#include "absl/strings/match.h"
#include "client/load/random.h"

namespace kvsift::load {
namespace {

// An answer that the client could not read is a wrong one, not a failed call.
bool IsMalformed(const absl::Status& status) {
  return absl::IsInternal(status) && absl::StrContains(status.message(), "malformed");
}

}  // namespace

absl::Status StepWorker::Prepare() {
  layer_ = 0;
  position_ = context_.plan.context;
  const absl::Status status = lane_.Rebuild();
  CollectVectors();
  return status;
}

int64_t StepWorker::QueryOf(const Lane::Member& member) const {
  if (kind_ == StepKind::kDecode) {
    return member.content.PoolPosition(context_.pool, layer_, position_);
  }
  return static_cast<int64_t>(Mix(context_.plan.seed, member.id, calls_) %
                              static_cast<uint64_t>(context_.pool.positions()));
}

void StepWorker::CollectVectors() {
  keys_.clear();
  queries_.clear();
  scales_.clear();
  if (kind_ == StepKind::kDecode) lane_.CopyKeys(layer_, position_, keys_);
  for (const Lane::Member& member : lane_.members()) {
    context_.pool.CopyQuery(layer_, QueryOf(member), queries_, scales_);
  }
}

client::QueryBatch StepWorker::Queries() const {
  client::QueryBatch queries;
  queries.policies = {context_.plan.policy};
  queries.vectors = {queries_, context_.pool.type()};
  queries.scales = scales_;
  queries.encode = client::EncodeOn::kServer;
  return queries;
}

client::StepRequest StepWorker::MakeStep() const {
  client::StepRequest request;
  request.layer_id = context_.store.config.layer_ids[layer_];
  for (const Lane::Member& member : lane_.members()) {
    request.entries.push_back({.sequence_id = member.id, .start = position_});
  }
  request.keys = {keys_, context_.pool.type()};
  request.encode_keys = client::EncodeOn::kServer;
  request.queries = Queries();
  return request;
}

client::SelectRequest StepWorker::MakeSelect() const {
  client::SelectRequest request;
  request.layer_id = context_.store.config.layer_ids[layer_];
  for (const Lane::Member& member : lane_.members()) {
    request.entries.push_back({.sequence_id = member.id});
  }
  request.queries = Queries();
  return request;
}

absl::StatusOr<MessageSizes> StepWorker::Sizes() {
  CollectVectors();
  return kind_ == StepKind::kDecode ? SizesOf(context_.store, MakeStep())
                                    : SizesOf(context_.store, MakeSelect());
}

void StepWorker::Start(Pacing& pacing, int64_t intended) {
  pacing_ = &pacing;
  intended_ = intended;
  failures_ = 0;
  Send();
}

void StepWorker::Send() {
  const auto done = [this](const absl::StatusOr<client::SelectionResult>& answer) {
    OnAnswer(answer);
  };
  if (kind_ == StepKind::kDecode) {
    context_.client.StepAsync(context_.store, MakeStep(), context_.Deadline(), done);
  } else {
    context_.client.SelectAsync(context_.store, MakeSelect(), context_.Deadline(), done);
  }
}

void StepWorker::OnAnswer(const absl::StatusOr<client::SelectionResult>& answer) {
  const int64_t now = context_.clock.Now();
  if (!answer.ok() && IsMalformed(answer.status())) {
    const Lane::Member& member = lane_.members().front();
    context_.verifier.AddWrong({member.id, member.content, layer_, visible(), QueryOf(member)},
                               std::string(answer.status().message()));
    return Finish();
  }
  if (!answer.ok()) return Fail(operation(), answer.status());
  if (!answer->ok()) return Fail(operation(), answer->errors.front().status);
  if (!Check(*answer)) return Finish();
  const int64_t sequences = std::ssize(lane_.members());
  context_.recorder.load()->Done(
      operation(), intended_, now,
      {.rows = answer->rows(),
       .keys_scanned = sequences * visible() * context_.store.config.kv_heads,
       .keys_appended = kind_ == StepKind::kDecode ? sequences : 0,
       .sent_bytes = context_.sizes.request_bytes,
       .received_bytes = context_.sizes.answer_bytes});
  Advance();
}

bool StepWorker::Check(const client::SelectionResult& answer) {
  const StoreShape shape = context_.store.config.Shape();
  for (int64_t entry = 0; entry < std::ssize(lane_.members()); ++entry) {
    const Lane::Member& member = lane_.members()[entry];
    const std::string what = WhatIsWrong(context_.plan.policy, shape, visible(), answer, entry);
    const bool wants = context_.verifier.Wants(member.id, layer_, calls_);
    if (what.empty() && !wants) continue;
    Sample sample = {member.id, member.content,  layer_,
                     visible(), QueryOf(member), RowsOf(answer, entry)};
    if (!what.empty()) {
      context_.verifier.AddWrong(sample, what);
      return false;
    }
    context_.verifier.Add(std::move(sample));
  }
  return true;
}

void StepWorker::Advance() {
  if (++layer_ < std::ssize(context_.store.config.layer_ids)) return Finish();
  layer_ = 0;
  if (kind_ == StepKind::kSelect) return Finish();
  ++position_;
  if (position_ < context_.plan.context + context_.plan.grow) return Finish();
  context_.threads.Post([this] { RollBack(); });
}

void StepWorker::RollBack() {
  const int64_t start = context_.clock.Now();
  const absl::Status status = lane_.RollBack();
  if (!status.ok()) return Fail(Operation::kTruncate, status);
  context_.recorder.load()->Done(Operation::kTruncate, start, context_.clock.Now(), {});
  position_ = context_.plan.context;
  Finish();
}

void StepWorker::Fail(Operation operation, const absl::Status& status) {
  const int64_t now = context_.clock.Now();
  context_.recorder.load()->Failed(operation, status.code(), now);
  const Remedy remedy = RemedyFor(status);
  if (remedy == Remedy::kHalt) context_.halt.Because(status);
  if (remedy == Remedy::kHalt || context_.is_over) {
    // Whether the server holds what was sent is unknown; the next call sends it again.
    return Finish();
  }
  const int64_t later = now + BackoffNs(++failures_);
  // A rollback that failed is repeated: it may have reached some of the sequences.
  if (operation == Operation::kTruncate && remedy == Remedy::kRetry) {
    context_.clock.At(later, [this] { context_.threads.Post([this] { RollBack(); }); });
  } else if (remedy == Remedy::kRebuild || operation == Operation::kAppend) {
    context_.clock.At(later, [this] { context_.threads.Post([this] { RebuildAndSend(); }); });
  } else {
    context_.clock.At(later, [this] { Send(); });
  }
}

void StepWorker::RebuildAndSend() {
  const absl::Status status = Prepare();
  if (!status.ok()) return Fail(Operation::kAppend, status);
  Send();
}

void StepWorker::Finish() {
  ++calls_;
  CollectVectors();
  pacing_->Ready(*this);
}

}  // namespace kvsift::load
