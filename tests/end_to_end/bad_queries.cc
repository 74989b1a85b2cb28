#include <limits>

#include "tests/end_to_end/bad_input.h"
#include "tests/end_to_end/requests.h"

namespace kvsift {
namespace {

using grpc::StatusCode;
using Select = v1::SelectRequest;
using Step = v1::StepRequest;

constexpr int64_t kHuge = std::numeric_limits<int64_t>::max();

Select Good() {
  Random random(2);
  return MakeSelect("s", {1, 2}, random);
}

template <typename Edit>
BadInput Bad(std::string name, Edit edit, Expected expected) {
  return Refused(std::move(name), &Stub::Select, Good(), edit, std::move(expected));
}

// `edit` gets the queries.
template <typename Edit>
BadInput Invalid(std::string name, Edit edit, std::string field, std::string value,
                 std::string limit) {
  return Bad(std::move(name), [edit](Select& r) { edit(*r.mutable_queries()); },
             {StatusCode::INVALID_ARGUMENT, field, value, limit});
}

template <typename Edit>
BadInput PolicyInvalid(std::string name, Edit edit, std::string field, std::string value,
                       std::string limit) {
  return Invalid(
      std::move(name), [edit](v1::QueryBatch& q) { edit(*q.mutable_policies(0)); },
      "queries.policies[0]." + field, value, limit);
}

template <typename Edit>
BadInput Fails(std::string name, Edit edit, StatusCode code, std::string field, std::string value,
               std::string limit) {
  return EntryFails(std::move(name), &Stub::Select, Good(), edit, {code, field, value, limit});
}

BadInput BadScale(std::string name, float scale, std::string shown) {
  return Fails(
      std::move(name), [scale](Select& r) { r.mutable_queries()->set_query_scales(6, scale); },
      StatusCode::INVALID_ARGUMENT, "queries.query_scales[6]", std::move(shown), "0");
}

// Raw float16 queries of two tokens; one element is replaced by `bits`.
BadInput BadRawQuery(std::string name, uint16_t bits, std::string shown) {
  return Fails(
      std::move(name),
      [bits](Select& r) {
        v1::QueryBatch& queries = *r.mutable_queries();
        queries.set_element_type(v1::ELEMENT_TYPE_FLOAT16);
        queries.clear_query_scales();
        std::string elements(2 * kQueryHeads * 64 * 2, '\x2a');
        elements[2 * 300] = static_cast<char>(bits & 0xff);
        elements[2 * 300 + 1] = static_cast<char>(bits >> 8);
        queries.set_queries(elements);
      },
      StatusCode::INVALID_ARGUMENT, "queries.queries[300]", std::move(shown), "finite");
}

std::vector<BadInput> BadNames() {
  return {Bad("select from an unknown store", [](Select& r) { r.set_store("nobody"); },
              {StatusCode::NOT_FOUND, "store", "nobody", "store"}),
          Bad("select from an unknown layer", [](Select& r) { r.set_layer_id(5); },
              {StatusCode::NOT_FOUND, "layer_id", "5", "layers of the store"}),
          Bad("select under another fingerprint", [](Select& r) { r.set_fingerprint(1); },
              {StatusCode::FAILED_PRECONDITION, "fingerprint", "1", ""}),
          Bad("select with too few epochs", [](Select& r) { r.add_expected_epochs(1); },
              {StatusCode::INVALID_ARGUMENT, "expected_epochs", "1 elements", "2 elements"}),
          Bad("select without queries", [](Select& r) { r.clear_queries(); },
              {StatusCode::INVALID_ARGUMENT, "queries.counts", "0 elements", "2 elements"})};
}

std::vector<BadInput> BadShapes() {
  using Q = v1::QueryBatch;
  return {Invalid(
              "negative query count", [](Q& q) { q.set_counts(1, -1); }, "queries.counts[1]", "-1",
              "at least 0"),
          Invalid(
              "query counts that overflow", [](Q& q) { q.set_counts(0, kHuge); },
              "queries.counts[1]", "1", "2^63"),
          Invalid(
              "a query byte count that overflows", [](Q& q) { q.set_counts(0, kHuge / 2); },
              "queries.queries", "256 bytes", "more bytes than a message has"),
          Invalid(
              "a query byte too many", [](Q& q) { q.mutable_queries()->push_back('a'); },
              "queries.queries", "257 bytes",
              "256 bytes (2 query tokens x 4 query heads x 4 planes x 8 bytes)"),
          Invalid(
              "four planes for dot",
              [](Q& q) { q.mutable_policies(0)->set_estimator(v1::ESTIMATOR_DOT); },
              "queries.queries", "256 bytes", "128 bytes"),
          Invalid(
              "scales for dot",
              [](Q& q) {
                q.mutable_policies(0)->set_estimator(v1::ESTIMATOR_DOT);
                q.mutable_queries()->resize(128);
              },
              "queries.query_scales", "8 elements", "0 elements"),
          Invalid(
              "no scales for four planes", [](Q& q) { q.clear_query_scales(); },
              "queries.query_scales", "0 elements", "8 elements"),
          Invalid(
              "scales for raw queries",
              [](Q& q) {
                q.set_element_type(v1::ELEMENT_TYPE_FLOAT32);
                q.set_queries(std::string(2 * kQueryHeads * 64 * 4, '\0'));
              },
              "queries.query_scales", "8 elements", "0 elements"),
          Invalid(
              "more policies than entries can name",
              [](Q& q) {
                for (int j = 0; j < 16384; ++j) *q.add_policies() = q.policies(0);
              },
              "queries.policies", "16385 elements", "16384"),
          Invalid(
              "no policies", [](Q& q) { q.clear_policies(); }, "queries.policies", "0 elements",
              "at least 1"),
          Invalid(
              "an index beyond the policies",
              [](Q& q) {
                q.add_policy_indices(0);
                q.add_policy_indices(1);
              },
              "queries.policy_indices[1]", "1", "1 policies"),
          Invalid(
              "a negative policy index",
              [](Q& q) {
                q.add_policy_indices(-1);
                q.add_policy_indices(0);
              },
              "queries.policy_indices[0]", "-1", "1 policies"),
          Invalid(
              "too few policy indices", [](Q& q) { q.add_policy_indices(0); },
              "queries.policy_indices", "1 elements", "2 elements"),
          Invalid(
              "policies of different planes",
              [](Q& q) {
                *q.add_policies() = q.policies(0);
                q.mutable_policies(1)->set_estimator(v1::ESTIMATOR_MANHATTAN);
                q.add_policy_indices(0);
                q.add_policy_indices(1);
              },
              "queries.policy_indices[1]", "1", "planes"),
          Invalid(
              "too few visible lengths", [](Q& q) { q.add_visible_lengths(1); },
              "queries.visible_lengths", "1 elements", "2 elements"),
          Invalid(
              "unknown layout", [](Q& q) { q.set_layout(v1::AnswerLayout(3)); }, "queries.layout",
              "3", "AnswerLayout"),
          Invalid(
              "unknown type of queries", [](Q& q) { q.set_element_type(v1::ElementType(4)); },
              "queries.element_type", "4", "ElementType"),
          Invalid(
              "queries without tokens",
              [](Q& q) {
                q.set_counts(0, 0);
                q.set_counts(1, 0);
              },
              "queries.queries", "256 bytes", "0 bytes")};
}

std::vector<BadInput> BadValues() {
  return {Fails(
              "unknown sequence to select from", [](Select& r) { r.set_sequence_ids(1, 99); },
              StatusCode::NOT_FOUND, "sequence", "99", ""),
          Fails(
              "stale epoch of a selection",
              [](Select& r) {
                r.add_expected_epochs(777);
                r.add_expected_epochs(std::numeric_limits<uint64_t>::max());
              },
              StatusCode::ABORTED, "expected_epoch", "777", "current"),
          Fails(
              "negative visible length",
              [](Select& r) {
                r.mutable_queries()->add_visible_lengths(1);
                r.mutable_queries()->add_visible_lengths(-4);
              },
              StatusCode::INVALID_ARGUMENT, "visible_lengths", "-4", "0 or more"),
          Fails(
              "visible length beyond the layer",
              [](Select& r) {
                r.mutable_queries()->add_visible_lengths(6);
                r.mutable_queries()->add_visible_lengths(8);
              },
              StatusCode::OUT_OF_RANGE, "visible_lengths", "6", "5"),
          Fails(
              "visible length as far as numbers go",
              [](Select& r) {
                r.mutable_queries()->add_visible_lengths(5);
                r.mutable_queries()->add_visible_lengths(kHuge);
              },
              StatusCode::OUT_OF_RANGE, "visible_lengths", "9223372036854775807", "8"),
          Fails(
              "the query code -8",
              [](Select& r) {
                // Head 2 of token 1: plane 3 alone.
                std::string& codes = *r.mutable_queries()->mutable_queries();
                codes.replace(6 * 32, 32, std::string(24, '\0') + std::string(8, '\x01'));
              },
              StatusCode::INVALID_ARGUMENT, "queries.queries, code 6", "-8", "-7 to 7"),
          BadScale("NaN query scale", std::numeric_limits<float>::quiet_NaN(), "nan"),
          BadScale("infinite query scale", std::numeric_limits<float>::infinity(), "inf"),
          BadScale("negative query scale", -1.0f, "-1"),
          BadScale("tiny query scale", 0x1p-111f, "e-34"),
          BadScale("huge query scale", 0x1p61f, "e+18"),
          BadScale("scale 0 with a code", 0.0f, "0"),
          BadScale("scale -0 with a code", -0.0f, "-0"),
          BadRawQuery("NaN in raw queries", 0x7e00, "nan"),
          BadRawQuery("infinity in raw queries", 0x7c00, "inf")};
}

}  // namespace

std::vector<BadInput> BadPolicies() {
  using P = v1::Policy;
  return {PolicyInvalid(
              "k of 0", [](P& p) { p.set_k(0); }, "k", "0", "1 to 65536"),
          PolicyInvalid(
              "negative k", [](P& p) { p.set_k(-1); }, "k", "-1", "1 to 65536"),
          PolicyInvalid(
              "huge k", [](P& p) { p.set_k(65537); }, "k", "65537", "1 to 65536"),
          PolicyInvalid(
              "no estimator", [](P& p) { p.clear_estimator(); }, "estimator", "0", "Estimator"),
          PolicyInvalid(
              "unknown estimator", [](P& p) { p.set_estimator(v1::Estimator(5)); }, "estimator",
              "5", "Estimator"),
          PolicyInvalid(
              "no grouping", [](P& p) { p.clear_grouping(); }, "grouping", "0", "Grouping"),
          PolicyInvalid(
              "unknown grouping", [](P& p) { p.set_grouping(v1::Grouping(-9)); }, "grouping", "-9",
              "Grouping"),
          PolicyInvalid(
              "negative sinks", [](P& p) { p.set_sinks(-1); }, "sinks", "-1", "0"),
          PolicyInvalid(
              "negative window", [](P& p) { p.set_window(-2); }, "window", "-2", "0"),
          PolicyInvalid(
              "sinks beyond k", [](P& p) { p.set_sinks(5); }, "sinks", "5", "4"),
          PolicyInvalid(
              "sinks and window beyond k",
              [](P& p) {
                p.set_sinks(2);
                p.set_window(3);
              },
              "window", "3", "k = 4"),
          PolicyInvalid(
              "sinks and window that overflow",
              [](P& p) {
                p.set_sinks(INT32_MAX);
                p.set_window(INT32_MAX);
              },
              "sinks", "2147483647", "4"),
          Invalid(
              "a policy that nobody uses", [](v1::QueryBatch& q) { q.add_policies()->set_k(7); },
              "queries.policies[1].estimator", "0", "Estimator"),
          Invalid(
              "an answer beyond the limit",
              [](v1::QueryBatch& q) {
                constexpr int64_t kTokens = 400;  // x 4 heads x 65536 positions x 4 bytes
                q.mutable_policies(0)->set_k(65536);
                q.set_counts(0, kTokens - 1);
                q.set_queries(std::string(kTokens * kQueryTokenBytes, '\0'));
                for (int64_t i = 2; i < kTokens; ++i) {
                  for (int head = 0; head < kQueryHeads; ++head) q.add_query_scales(1.0f);
                }
              },
              "", "419", "58720256")};
}

std::vector<BadInput> BadQueries() {
  std::vector<BadInput> inputs = BadNames();
  for (const auto& more : {BadShapes(), BadValues()}) {
    inputs.insert(inputs.end(), more.begin(), more.end());
  }
  return inputs;
}

std::vector<BadInput> BadSteps() {
  Random random(3);
  const Step good = MakeStep("s", {{1, 5, 1}, {2, 8, 1}}, random);
  const Step one = MakeStep("s", {{2, 8, 1}}, random);
  const auto bad = [&](std::string name, auto edit, std::string field, std::string value,
                       std::string limit) {
    return Refused(std::move(name), &Stub::Step, good, edit,
                   {StatusCode::INVALID_ARGUMENT, field, value, limit});
  };
  return {
      bad(
          "step of two layers", [](Step& r) { r.mutable_keys()->add_layer_ids(7); },
          "keys.layer_ids", "2 elements", "1 elements"),
      bad(
          "step without keys", [](Step& r) { r.clear_keys(); }, "keys.layer_ids", "0 elements",
          "1 elements"),
      bad(
          "step with query counts of fewer entries",
          [](Step& r) { r.mutable_queries()->mutable_counts()->RemoveLast(); }, "queries.counts",
          "1 elements", "2 elements"),
      bad(
          "step with a sequence twice", [](Step& r) { r.mutable_keys()->set_sequence_ids(0, 2); },
          "keys.sequence_ids", "2", "once"),
      bad(
          "step with a bad policy",
          [](Step& r) { r.mutable_queries()->mutable_policies(0)->set_k(0); },
          "queries.policies[0].k", "0", "1 to 65536"),
      EntryFails("step over a gap", &Stub::Step, one,
                 [](Step& r) { r.mutable_keys()->set_starts(0, 10); },
                 {StatusCode::FAILED_PRECONDITION, "start", "10", "8"}),
      EntryFails("step that sees too far", &Stub::Step, one,
                 [](Step& r) { r.mutable_queries()->add_visible_lengths(10); },
                 {StatusCode::OUT_OF_RANGE, "visible_lengths", "10", "9"}),
      EntryFails("step with a bad query code", &Stub::Step, one,
                 [](Step& r) {
                   r.mutable_queries()->set_queries(std::string(24, '\0') +
                                                    std::string(104, '\x01'));
                 },
                 {StatusCode::INVALID_ARGUMENT, "queries.queries, code 0", "-8", "-7 to 7"}),
      EntryFails("step of an unknown sequence", &Stub::Step, one,
                 [](Step& r) { r.mutable_keys()->set_sequence_ids(0, 50); },
                 {StatusCode::FAILED_PRECONDITION, "start", "8", "0"})};
}

}  // namespace kvsift
