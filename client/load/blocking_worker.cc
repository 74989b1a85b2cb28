#include "client/load/blocking_worker.h"

#include <utility>
#include <vector>

#include "client/load/random.h"

namespace kvsift::load {

void BlockingWorker::Start(Pacing& pacing, int64_t intended) {
  pacing_ = &pacing;
  intended_ = intended;
  failures_ = 0;
  context_.threads.Post([this] { Run(); });
}

void BlockingWorker::Run() {
  const absl::Status status = Turn(intended_);
  if (!status.ok() && RemedyFor(status) == Remedy::kHalt) context_.halt.Because(status);
  if (status.ok() || context_.is_over || !context_.halt.reason().ok()) {
    return pacing_->Ready(*this);
  }
  if (RemedyFor(status) == Remedy::kRebuild) RestoreStore();
  context_.clock.At(context_.clock.Now() + BackoffNs(++failures_),
                    [this] { context_.threads.Post([this] { Run(); }); });
}

void BlockingWorker::RestoreStore() {
  // If this fails, so does the next turn.
  (void)context_.client.CreateStore(context_.store.config, {}, context_.Deadline());
}

absl::Status BlockingWorker::Count(Operation operation, int64_t intended, absl::Status status,
                                   const Work& work) {
  const int64_t now = context_.clock.Now();
  if (status.ok()) {
    context_.recorder.load()->Done(operation, intended, now, work);
  } else {
    context_.recorder.load()->Failed(operation, status.code(), now);
  }
  return status;
}

absl::Status BlockingWorker::SelectOnce(uint64_t id, const Content& content, int layer,
                                        int64_t length, uint64_t call, int64_t intended) {
  const auto query = static_cast<int64_t>(Mix(context_.plan.seed, id, call) %
                                          static_cast<uint64_t>(context_.pool.positions()));
  std::vector<std::byte> bytes;
  std::vector<float> scales;
  context_.pool.CopyQuery(layer, query, bytes, scales);
  client::SelectRequest request;
  request.layer_id = context_.store.config.layer_ids[layer];
  request.entries = {{.sequence_id = id}};
  request.queries.policies = {context_.plan.policy};
  request.queries.vectors = {bytes, context_.pool.type()};
  request.queries.scales = scales;
  request.queries.encode = client::EncodeOn::kServer;
  const auto answer = context_.client.Select(context_.store, request, context_.Deadline());
  absl::Status status = answer.status();
  if (status.ok() && !answer->ok()) status = answer->errors.front().status;
  if (!status.ok()) return Count(Operation::kSelect, intended, status, {});
  Sample sample = {id, content, layer, length, query, RowsOf(*answer, 0)};
  const std::string what =
      WhatIsWrong(context_.plan.policy, context_.store.config.Shape(), length, sample.got);
  if (!what.empty()) {
    context_.verifier.AddWrong(sample, what);
    return absl::OkStatus();
  }
  if (context_.verifier.Wants(id, layer, call)) context_.verifier.Add(std::move(sample));
  return Count(Operation::kSelect, intended, absl::OkStatus(),
               {.rows = answer->rows(),
                .keys_scanned = length * context_.store.config.kv_heads,
                .sent_bytes = context_.sizes.request_bytes,
                .received_bytes = context_.sizes.answer_bytes});
}

}  // namespace kvsift::load
