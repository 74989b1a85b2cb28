#include "client/load/lane.h"

#include <algorithm>

#include "client/load/random.h"

namespace kvsift::load {
absl::Status AppendContent(RunContext& context, uint64_t id, const Content& content, int64_t start,
                           int64_t end, AppendBuffer& buffer) {
  const client::StoreConfig& config = context.store.config;
  const auto layers = static_cast<int>(config.layer_ids.size());
  const int64_t piece = std::max<int64_t>(1, kAppendBytes / (context.pool.key_bytes() * layers));
  buffer.filled_ns = 0;
  for (; start < end; start += piece) {
    const int64_t count = std::min(piece, end - start);
    const int64_t begun = context.clock.Now();
    buffer.keys.clear();
    buffer.keys.reserve(layers * count * context.pool.key_bytes());
    for (int layer = 0; layer < layers; ++layer) {
      content.CopyKeys(context.pool, layer, start, count, buffer.keys);
    }
    buffer.filled_ns += context.clock.Now() - begun;
    client::AppendRequest request;
    request.layer_ids = config.layer_ids;
    request.entries = {{id, start, count, {}}};
    request.keys = {buffer.keys, context.pool.type()};
    request.encode = client::EncodeOn::kServer;
    const auto result = context.client.StreamAppend(context.store, request, context.Deadline());
    if (!result.ok()) return result.status();
    if (!result->ok()) return result->errors.front().status;
  }
  return absl::OkStatus();
}

Lane::Lane(RunContext& context, int index) : context_(context) {
  for (int i = 0; i < context.plan.sequences; ++i) {
    Member member = {SequenceId(index, static_cast<uint64_t>(i)), 0, Content(0)};
    member.content = Content(Salt(member));
    members_.push_back(std::move(member));
  }
}

uint64_t Lane::Salt(const Member& member) const {
  return Mix(context_.plan.seed, member.id, member.generation);
}

absl::Status Lane::Rebuild() {
  const auto store = context_.client.CreateStore(context_.store.config, {}, context_.Deadline());
  if (!store.ok()) return store.status();
  AppendBuffer buffer;
  for (Member& member : members_) {
    ++member.generation;
    member.content = Content(Salt(member));
    absl::Status status =
        context_.client.Release(context_.store.config.name, member.id, {}, context_.Deadline());
    if (!status.ok() && !absl::IsNotFound(status)) return status;
    context_.contents.Put(member.id, member.content);
    status = AppendContent(context_, member.id, member.content, 0, context_.plan.context, buffer);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status Lane::RollBack() {
  for (Member& member : members_) {
    const auto sequence = context_.client.Truncate(context_.store.config.name, member.id,
                                                   context_.plan.context, {}, context_.Deadline());
    if (!sequence.ok()) return sequence.status();
    ++member.generation;
    member.content.Cut(context_.plan.context, Salt(member));
    context_.contents.Put(member.id, member.content);
  }
  return absl::OkStatus();
}

void Lane::CopyKeys(int layer, int64_t position, std::vector<std::byte>& keys) const {
  for (const Member& member : members_) {
    member.content.CopyKeys(context_.pool, layer, position, 1, keys);
  }
}

}  // namespace kvsift::load
