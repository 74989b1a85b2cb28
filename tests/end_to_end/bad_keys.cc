#include <cstring>
#include <limits>

#include "tests/end_to_end/bad_input.h"
#include "tests/end_to_end/requests.h"

namespace kvsift {
namespace {

using grpc::StatusCode;
using Append = v1::AppendKeysRequest;

constexpr int64_t kHuge = std::numeric_limits<int64_t>::max();

// Two entries that would be fine: two keys each behind sequences 1 and 2.
Append Good() {
  Random random(1);
  return MakeAppend("s", {{1, 5, 2}, {2, 8, 2}}, random);
}

// The same with raw float32 keys.
Append GoodRaw() {
  Append request = Good();
  request.mutable_keys()->set_element_type(v1::ELEMENT_TYPE_FLOAT32);
  request.mutable_keys()->set_keys(std::string(2 * 4 * 2 * 64 * sizeof(float), '\x3f'));
  return request;
}

// Element 5 of entry 1's second layer.
void SetElement(Append& request, float value) {
  const size_t index = (4 + 2) * 2 * 64 + 5;
  std::memcpy(request.mutable_keys()->mutable_keys()->data() + index * sizeof(float), &value,
              sizeof(float));
}

template <typename Edit>
BadInput Bad(std::string name, Edit edit, Expected expected) {
  return Refused(std::move(name), &Stub::AppendKeys, Good(), edit, std::move(expected));
}

template <typename Edit>
BadInput Invalid(std::string name, Edit edit, std::string field, std::string value,
                 std::string limit) {
  return Bad(std::move(name), edit, {StatusCode::INVALID_ARGUMENT, field, value, limit});
}

std::vector<BadInput> BadShapes() {
  return {
      Bad("append to an unknown store", [](Append& r) { r.set_store("nobody"); },
          {StatusCode::NOT_FOUND, "store", "nobody", "store"}),
      Bad("append to a store with an odd name", [](Append& r) { r.set_store("a b\n"); },
          {StatusCode::NOT_FOUND, "store", "a b\\n", "store"}),
      Bad("append under another fingerprint", [](Append& r) { r.set_fingerprint(17); },
          {StatusCode::FAILED_PRECONDITION, "fingerprint", "17", ""}),
      Bad("append to an unknown layer", [](Append& r) { r.mutable_keys()->set_layer_ids(1, 4); },
          {StatusCode::NOT_FOUND, "keys.layer_ids[1]", "4", "layers of the store"}),
      Invalid(
          "append to no layer", [](Append& r) { r.mutable_keys()->clear_layer_ids(); },
          "keys.layer_ids", "0 elements", "one or more"),
      Invalid(
          "append to a layer twice", [](Append& r) { r.mutable_keys()->set_layer_ids(1, 3); },
          "keys.layer_ids", "3", "distinct"),
      Invalid(
          "more layers than the store has", [](Append& r) { r.mutable_keys()->add_layer_ids(7); },
          "keys.layer_ids", "3 elements", "of which the store has 2"),
      Invalid(
          "starts too short", [](Append& r) { r.mutable_keys()->mutable_starts()->RemoveLast(); },
          "keys.starts", "1 elements", "2 elements"),
      Invalid(
          "counts too long", [](Append& r) { r.mutable_keys()->add_counts(0); }, "keys.counts",
          "3 elements", "2 elements"),
      Invalid(
          "epochs too short", [](Append& r) { r.mutable_keys()->add_expected_epochs(1); },
          "keys.expected_epochs", "1 elements", "2 elements"),
      Invalid(
          "negative start", [](Append& r) { r.mutable_keys()->set_starts(1, -1); },
          "keys.starts[1]", "-1", "at least 0"),
      Invalid(
          "start + count overflows", [](Append& r) { r.mutable_keys()->set_starts(1, kHuge); },
          "keys.starts[1]", "9223372036854775807", "2^63"),
      Invalid(
          "negative count", [](Append& r) { r.mutable_keys()->set_counts(0, -2); },
          "keys.counts[0]", "-2", "at least 0"),
      Invalid(
          "counts that overflow",
          [](Append& r) {
            r.mutable_keys()->set_starts(0, 0);
            r.mutable_keys()->set_counts(0, kHuge);
          },
          "keys.counts[1]", "2", "2^63"),
      Invalid(
          "a byte count that overflows",
          [](Append& r) { r.mutable_keys()->set_counts(0, kHuge / 64 + 1); }, "keys.keys",
          "256 bytes", "more bytes than a message has"),
      Invalid(
          "a key byte too few", [](Append& r) { r.mutable_keys()->mutable_keys()->pop_back(); },
          "keys.keys", "255 bytes", "256 bytes (2 layers x 4 keys x 2 kv heads"),
      Invalid(
          "no key bytes", [](Append& r) { r.mutable_keys()->clear_keys(); }, "keys.keys", "0 bytes",
          "256 bytes"),
      Invalid(
          "unknown element type",
          [](Append& r) { r.mutable_keys()->set_element_type(v1::ElementType(77)); },
          "keys.element_type", "77", "ElementType"),
      Invalid(
          "unknown conflict rule",
          [](Append& r) { r.mutable_keys()->set_on_conflict(v1::ConflictRule(-1)); },
          "keys.on_conflict", "-1", "ConflictRule"),
      Invalid(
          "a sequence twice", [](Append& r) { r.mutable_keys()->set_sequence_ids(1, 1); },
          "keys.sequence_ids", "1", "once"),
      Invalid(
          "codes sent as float16",
          [](Append& r) { r.mutable_keys()->set_element_type(v1::ELEMENT_TYPE_FLOAT16); },
          "keys.keys", "256 bytes", "2048 bytes"),
      Refused("raw keys without key scales", &Stub::AppendKeys, GoodRaw(),
              [](Append& r) { r.set_store("codes"); },
              {StatusCode::FAILED_PRECONDITION, "keys.element_type", "float32", "no key scales"})};
}

template <typename Edit>
BadInput Fails(std::string name, Edit edit, Expected expected) {
  // Only entry 1 is there, so that nothing else changes.
  Random random(1);
  Append request = MakeAppend("s", {{2, 8, 2}}, random);
  return EntryFails(std::move(name), &Stub::AppendKeys, std::move(request), edit,
                    std::move(expected));
}

BadInput BadElement(std::string name, float value, std::string shown) {
  return EntryFails(std::move(name), &Stub::AppendKeys, GoodRaw(),
                    [value](Append& r) {
                      SetElement(r, value);
                      r.mutable_keys()->set_counts(
                          0, 0);  // entry 0 appends nothing; its keys are entry 1's
                      r.mutable_keys()->set_counts(1, 4);
                    },
                    {StatusCode::INVALID_ARGUMENT, "keys.keys[773]", std::move(shown), "2^32"});
}

std::vector<BadInput> BadEntries() {
  return {Fails("a gap", [](Append& r) { r.mutable_keys()->set_starts(0, 9); },
                {StatusCode::FAILED_PRECONDITION, "start", "9", "8"}),
          Fails("a gap as far as numbers go",
                [](Append& r) { r.mutable_keys()->set_starts(0, kHuge - 2); },
                {StatusCode::FAILED_PRECONDITION, "start", "9223372036854775805", "8"}),
          Fails("a conflict", [](Append& r) { r.mutable_keys()->set_starts(0, 7); },
                {StatusCode::FAILED_PRECONDITION, "position 7", "differs", "layer 3"}),
          Fails("an unknown sequence in the middle",
                [](Append& r) { r.mutable_keys()->set_sequence_ids(0, 99); },
                {StatusCode::FAILED_PRECONDITION, "start", "8", "0"}),
          Fails("a stale epoch", [](Append& r) { r.mutable_keys()->add_expected_epochs(12345); },
                {StatusCode::ABORTED, "expected_epoch", "12345", "current"}),
          Fails("a sequence that must not exist",
                [](Append& r) { r.mutable_keys()->add_expected_epochs(0); },
                {StatusCode::ABORTED, "expected_epoch", "0", "current"}),
          BadElement("NaN", std::numeric_limits<float>::quiet_NaN(), "nan"),
          BadElement("infinity", std::numeric_limits<float>::infinity(), "inf"),
          BadElement("minus infinity", -std::numeric_limits<float>::infinity(), "-inf"),
          BadElement("a huge element", 0x1.000002p32f, "4.29497e+09")};
}

}  // namespace

std::vector<BadInput> BadKeys() {
  std::vector<BadInput> inputs = BadShapes();
  const std::vector<BadInput> entries = BadEntries();
  inputs.insert(inputs.end(), entries.begin(), entries.end());
  return inputs;
}

std::vector<BadInput> BadSequences() {
  v1::TruncateSequenceRequest truncate;
  truncate.set_store("s");
  truncate.set_sequence_id(1);
  v1::ForkSequenceRequest fork;
  fork.set_store("s");
  fork.set_parent_id(1);
  fork.set_child_id(9);
  fork.set_length(3);
  v1::GetSequenceRequest get;
  get.set_store("s");
  get.set_sequence_id(1);
  v1::ReleaseSequenceRequest release;
  release.set_store("s");
  release.set_sequence_id(1);
  v1::ListSequencesRequest list;
  list.set_store("s");
  const Expected no_store{StatusCode::NOT_FOUND, "store", "nobody", "store"};
  const Expected no_sequence{StatusCode::NOT_FOUND, "sequence_id", "99", "sequence"};
  const Expected negative{StatusCode::INVALID_ARGUMENT, "length", "-1", "at least 0"};
  const Expected stale{StatusCode::ABORTED, "expected_epoch", "77", "current epoch"};
  const auto nobody = [](auto& r) { r.set_store("nobody"); };
  const auto no_id = [](auto& r) { r.set_sequence_id(99); };
  const auto epoch = [](auto& r) { r.set_expected_epoch(77); };
  return {
      Refused("get, unknown store", &Stub::GetSequence, get, nobody, no_store),
      Refused("get, unknown sequence", &Stub::GetSequence, get, no_id, no_sequence),
      Refused("list, unknown store", &Stub::ListSequences, list, nobody, no_store),
      Refused("list, page size", &Stub::ListSequences, list, [](auto& r) { r.set_page_size(5000); },
              {StatusCode::INVALID_ARGUMENT, "page_size", "5000", "0 to 1000"}),
      Refused("list, token", &Stub::ListSequences, list, [](auto& r) { r.set_page_token("\xf0"); },
              {StatusCode::INVALID_ARGUMENT, "", "", ""}),
      Refused("list, token beyond ids", &Stub::ListSequences, list,
              [](auto& r) { r.set_page_token("sequence:18446744073709551616"); },
              {StatusCode::INVALID_ARGUMENT, "page_token", "18446744073709551616", ""}),
      Refused("truncate, unknown store", &Stub::TruncateSequence, truncate, nobody, no_store),
      Refused("truncate, unknown sequence", &Stub::TruncateSequence, truncate, no_id, no_sequence),
      Refused("truncate, stale epoch", &Stub::TruncateSequence, truncate, epoch, stale),
      Refused(
          "truncate, negative", &Stub::TruncateSequence, truncate,
          [](auto& r) { r.set_length(-1); }, negative),
      Refused("fork, unknown store", &Stub::ForkSequence, fork, nobody, no_store),
      Refused("fork, unknown parent", &Stub::ForkSequence, fork,
              [](auto& r) { r.set_parent_id(99); },
              {StatusCode::NOT_FOUND, "parent_id", "99", "sequence"}),
      Refused(
          "fork, negative", &Stub::ForkSequence, fork, [](auto& r) { r.set_length(-1); }, negative),
      Refused("fork, stale epoch", &Stub::ForkSequence, fork, epoch, stale),
      Refused("fork onto another sequence", &Stub::ForkSequence, fork,
              [](auto& r) { r.set_child_id(2); },
              {StatusCode::ALREADY_EXISTS, "child_id", "2", ""}),
      Refused("fork onto itself", &Stub::ForkSequence, fork, [](auto& r) { r.set_child_id(1); },
              {StatusCode::ALREADY_EXISTS, "child_id", "1", ""}),
      Refused("release, unknown store", &Stub::ReleaseSequence, release, nobody, no_store),
      Refused("release, unknown sequence", &Stub::ReleaseSequence, release, no_id, no_sequence),
      Refused("release, stale epoch", &Stub::ReleaseSequence, release, epoch, stale)};
}

}  // namespace kvsift
