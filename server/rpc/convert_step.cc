#include "server/rpc/convert_step.h"

#include <optional>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "server/engine/field_error.h"
#include "server/rpc/convert_fields.h"
#include "server/rpc/convert_keys.h"
#include "server/rpc/convert_queries.h"

namespace kvsift {
namespace {

// The demand comes first: under another fingerprint every size could look wrong.
template <typename Message>
absl::Status ConvertStore(const Message& message, const StoreDescription& store, StepInput& input) {
  // Demanded even where the client does not, so that the sizes that were checked against this
  // store are never read as those of a namesake created in between.
  input.request.store = store.config.name;
  input.request.fingerprint = store.fingerprint;
  if (!message.has_fingerprint() || message.fingerprint() == store.fingerprint) {
    return absl::OkStatus();
  }
  return FieldError(absl::StatusCode::kFailedPrecondition, "fingerprint",
                    std::to_string(message.fingerprint()), std::to_string(store.fingerprint));
}

void View(StepInput& input) {
  input.request.layer_ids = input.layer_ids;
  input.request.entries = input.entries;
  input.request.policies = input.policies;
}

template <typename Message>
absl::Status ConvertKeysOnly(const Message& message, const StoreDescription& store,
                             StepInput& input) {
  absl::Status valid = ConvertStore(message, store, input);
  if (valid.ok()) valid = ConvertKeys(message.keys(), store, /*is_step=*/false, input);
  View(input);
  return valid;
}

absl::Status ConvertSelectEntries(const v1::SelectRequest& message, const StoreDescription& store,
                                  StepInput& input) {
  absl::Status valid = CheckLayer("layer_id", message.layer_id(), store);
  if (valid.ok()) valid = CheckEntryCount("sequence_ids", message.sequence_ids_size());
  if (!valid.ok()) return valid;
  input.layer_ids.push_back(message.layer_id());
  input.entries.resize(message.sequence_ids_size());
  for (int i = 0; i < message.sequence_ids_size(); ++i) {
    input.entries[i].sequence_id = message.sequence_ids(i);
  }
  return ConvertExpectedEpochs("expected_epochs", message.expected_epochs(), input);
}

}  // namespace

absl::Status ConvertAppend(const v1::AppendKeysRequest& message, const StoreDescription& store,
                           StepInput& input) {
  return ConvertKeysOnly(message, store, input);
}

absl::Status ConvertStreamAppend(const v1::StreamAppendKeysRequest& message,
                                 const StoreDescription& store, StepInput& input) {
  return ConvertKeysOnly(message, store, input);
}

absl::Status ConvertSelect(const v1::SelectRequest& message, const StoreDescription& store,
                           int32_t max_k, StepInput& input) {
  absl::Status valid = ConvertStore(message, store, input);
  if (valid.ok()) valid = ConvertSelectEntries(message, store, input);
  if (valid.ok()) valid = ConvertQueries(message.queries(), store.config.shape, max_k, input);
  View(input);
  return valid;
}

absl::Status ConvertStep(const v1::StepRequest& message, const StoreDescription& store,
                         int32_t max_k, StepInput& input) {
  absl::Status valid = ConvertStore(message, store, input);
  if (valid.ok()) valid = ConvertKeys(message.keys(), store, /*is_step=*/true, input);
  if (valid.ok() && message.has_queries()) {
    valid = ConvertQueries(message.queries(), store.config.shape, max_k, input);
  }
  View(input);
  return valid;
}

}  // namespace kvsift
