#include "client/load/reproduce.h"

#include <random>
#include <span>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "kvsift/client.h"

namespace kvsift::load {
namespace {

// Of the first failed entry, if the call itself came through.
template <typename Result>
absl::Status Failure(const absl::StatusOr<Result>& result) {
  if (!result.ok()) return result.status();
  return result->ok() ? absl::OkStatus() : result->errors.front().status;
}

absl::StatusOr<Rows> AskStep(Client& client, const client::Store& store, const WrongAnswer& wrong,
                             absl::Time deadline) {
  const std::span<const std::byte> keys = wrong.keys;
  const int64_t before = wrong.visible - 1;
  const size_t split = keys.size() / wrong.visible * before;
  const int32_t layer_id = store.config.layer_ids[wrong.layer];
  if (before > 0) {
    client::AppendRequest append;
    append.layer_ids = {layer_id};
    append.entries = {{wrong.sequence_id, 0, before, {}}};
    append.keys = {keys.first(split), wrong.type};
    append.encode = client::EncodeOn::kServer;
    const absl::Status status = Failure(client.Append(store, append, deadline));
    if (!status.ok()) return status;
  }
  client::StepRequest step;
  step.layer_id = layer_id;
  step.entries = {{.sequence_id = wrong.sequence_id, .start = before}};
  step.keys = {keys.subspan(split), wrong.type};
  step.encode_keys = client::EncodeOn::kServer;
  step.queries.policies = {wrong.policy};
  step.queries.vectors = {wrong.query, wrong.type};
  step.queries.scales = wrong.query_scales;
  step.queries.encode = client::EncodeOn::kServer;
  const auto answer = client.Step(store, step, deadline);
  const absl::Status status = Failure(answer);
  if (!status.ok()) return status;
  return RowsOf(*answer, 0);
}

absl::Status CheckUsable(const WrongAnswer& wrong) {
  const bool has_layer = wrong.layer >= 0 && wrong.layer < std::ssize(wrong.config.layer_ids);
  if (!has_layer || wrong.visible < 1 || wrong.keys.size() % wrong.visible != 0) {
    return absl::InvalidArgumentError("the file names no key, or a layer that the store lacks");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Reproduction> Reproduce(const std::string& server, const WrongAnswer& wrong,
                                       absl::Duration timeout) {
  const absl::Status usable = CheckUsable(wrong);
  if (!usable.ok()) return usable;
  const absl::Time deadline = absl::Now() + timeout;
  const auto client = Client::Connect(server, {}, deadline);
  if (!client.ok()) return client.status();
  client::StoreConfig config = wrong.config;
  std::random_device random;
  config.name = absl::StrFormat("load-reproduce-%08x", random());
  const auto store = (*client)->CreateStore(config, deadline);
  if (!store.ok()) return store.status();
  const absl::Cleanup delete_store = [&] { (void)(*client)->DeleteStore(config.name, deadline); };
  const absl::StatusOr<Rows> got = AskStep(**client, *store, wrong, deadline);
  if (!got.ok()) return got.status();
  const auto reference = ReferenceAnswer::Make(config, wrong.policy, wrong.visible);
  if (!reference.ok()) return reference.status();
  const absl::StatusOr<Rows> expected = (*reference)->Of(wrong.AsQuestion());
  if (!expected.ok()) return expected.status();
  const std::string difference = FirstDifference(*expected, *got);
  if (difference.empty()) return Reproduction{false, "the answer is right now"};
  return Reproduction{true, absl::StrCat("still different: ", difference,
                                         *got == wrong.got ? " (the same answer as before)" : "")};
}

}  // namespace kvsift::load
