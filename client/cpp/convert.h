// Messages of the wire to the client's values and back.
#ifndef KVSIFT_CLIENT_CPP_CONVERT_H_
#define KVSIFT_CLIENT_CPP_CONVERT_H_

#include <optional>

#include "kernels/format/element.h"
#include "kvsift/append.h"
#include "kvsift/select.h"
#include "kvsift/store.h"
#include "kvsift/v1/selection.pb.h"

namespace kvsift::client {

v1::StoreConfig ToProto(const StoreConfig& config);
v1::Policy ToProto(const Policy& policy);
v1::ElementType ToProto(std::optional<ElementType> type);  // nothing: UNSPECIFIED, codes
v1::ConflictRule ToProto(ConflictRule rule);
v1::AnswerLayout ToProto(RowLayout layout);

Store FromProto(const v1::Store& store);
Sequence FromProto(const v1::Sequence& sequence);
ServerInfo FromProto(const v1::GetServerResponse& server);

// "Not checked for this entry" in a list of expected epochs.
inline constexpr uint64_t kAnyEpoch = ~uint64_t{0};

// Writes the expected epochs of entries to `out`, or nothing if no entry has one.
template <typename Entries>
void SetExpectedEpochs(const Entries& entries, google::protobuf::RepeatedField<uint64_t>* out) {
  bool any = false;
  for (const auto& entry : entries) any |= entry.expected_epoch.has_value();
  if (!any) return;
  for (const auto& entry : entries) out->Add(entry.expected_epoch.value_or(kAnyEpoch));
}

}  // namespace kvsift::client

#endif  // KVSIFT_CLIENT_CPP_CONVERT_H_
