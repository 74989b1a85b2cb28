#include "client/load/prefill_worker.h"

#include "client/load/random.h"

namespace kvsift::load {

absl::Status PrefillWorker::Turn(int64_t intended) {
  const uint64_t id = SequenceId(index_, turns_++);
  const Content content(Mix(context_.plan.seed, id));
  const int64_t length = context_.plan.context;
  const auto layers = std::ssize(context_.store.config.layer_ids);
  context_.contents.Put(id, content);
  absl::Status status = AppendContent(context_, id, content, 0, length, buffer_);
  // A caller has its keys: making them is this program's time, not the append's.
  status = Count(Operation::kAppend, intended + buffer_.filled_ns, status,
                 {.keys_appended = length * layers,
                  .sent_bytes = length * layers * context_.pool.key_bytes()});
  const auto layer = static_cast<int>(Mix(id) % static_cast<uint64_t>(layers));
  if (status.ok() && context_.verifier.Wants(id, layer, 0)) {
    status = SelectOnce(id, content, layer, length, 0, context_.clock.Now());
  }
  // Also what a failed append has left; of a sequence that is not there nothing is left.
  const int64_t start = context_.clock.Now();
  const absl::Status released =
      context_.client.Release(context_.store.config.name, id, {}, context_.Deadline());
  context_.contents.Remove(id);
  if (status.ok()) return Count(Operation::kRelease, start, released, {});
  return status;
}

}  // namespace kvsift::load
