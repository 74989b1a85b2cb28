// What the service promises beyond single requests: resending, paging, limits, health, reflection.
#include <gmock/gmock.h>

#include <algorithm>
#include <set>
#include <string>

#include "tests/end_to_end/raw_call.h"
#include "tests/end_to_end/refusal.h"
#include "tests/end_to_end/requests.h"
#include "tests/end_to_end/test_server.h"

namespace kvsift {
namespace {

using Stub = v1::SelectionService::Stub;

class ServiceTest : public testing::TestWithParam<Transport> {
 protected:
  ServiceTest() { EXPECT_TRUE(Send(stub(), &Stub::CreateStore, MakeCreate("s")).status.ok()); }

  Stub& stub() { return server_.stub(); }

  // Calls `method` with `request` and expects success.
  template <typename Request, typename Response>
  Response Call(Method<Request, Response> method, const Request& request) {
    grpc::ClientContext context;
    Response response;
    const grpc::Status status = (stub().*method)(&context, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response;
  }

  grpc::Status CallBytes(const std::string& path, const std::string& bytes, std::string* answer) {
    return kvsift::CallBytes(server_.Connect(), path, bytes, answer);
  }

  TestServer server_{{}, GetParam()};
};

TEST_P(ServiceTest, EveryMutationCanBeSentAgain) {
  Random random(1);
  const auto append = MakeAppend("s", {{1, 0, 40}}, random);
  const auto first = Call(&Stub::AppendKeys, append);
  const auto second = Call(&Stub::AppendKeys, append);
  EXPECT_EQ(first.SerializeAsString(), second.SerializeAsString());
  EXPECT_EQ(second.lengths(0), 40);

  const auto step = MakeStep("s", {{1, 40, 1}}, random);
  EXPECT_EQ(Call(&Stub::Step, step).SerializeAsString(),
            Call(&Stub::Step, step).SerializeAsString());

  v1::ForkSequenceRequest fork;
  fork.set_store("s");
  fork.set_parent_id(1);
  fork.set_child_id(2);
  fork.set_length(20);
  EXPECT_EQ(Call(&Stub::ForkSequence, fork).SerializeAsString(),
            Call(&Stub::ForkSequence, fork).SerializeAsString());

  v1::TruncateSequenceRequest truncate;
  truncate.set_store("s");
  truncate.set_sequence_id(1);
  truncate.set_length(10);
  EXPECT_EQ(Call(&Stub::TruncateSequence, truncate).SerializeAsString(),
            Call(&Stub::TruncateSequence, truncate).SerializeAsString());

  v1::ReleaseSequenceRequest release;
  release.set_store("s");
  release.set_sequence_id(1);
  Call(&Stub::ReleaseSequence, release);
  EXPECT_EQ(Send(stub(), &Stub::ReleaseSequence, release).status.error_code(),
            grpc::StatusCode::NOT_FOUND);

  EXPECT_EQ(Call(&Stub::CreateStore, MakeCreate("s")).store().sequences(), 1);
}

TEST_P(ServiceTest, ATruncatedSequenceIsAsIfItsTailHadNeverBeen) {
  Random random(2);
  Call(&Stub::AppendKeys, MakeAppend("s", {{1, 0, 40}}, random));
  v1::TruncateSequenceRequest truncate;
  truncate.set_store("s");
  truncate.set_sequence_id(1);
  truncate.set_length(17);
  const auto truncated = Call(&Stub::TruncateSequence, truncate);
  ASSERT_EQ(truncated.sequence().layers_size(), 2);
  EXPECT_EQ(truncated.sequence().layers(0).layer_id(), 3);
  EXPECT_EQ(truncated.sequence().layers(1).length(), 17);
  v1::GetSequenceRequest get;
  get.set_store("s");
  get.set_sequence_id(1);
  EXPECT_EQ(Call(&Stub::GetSequence, get).sequence().SerializeAsString(),
            truncated.sequence().SerializeAsString());
}

TEST_P(ServiceTest, ListsComeInPages) {
  Random random(3);
  std::vector<AppendPart> parts;
  for (uint64_t id = 1; id <= 250; ++id) parts.push_back({id * 0x0101010101010101, 0, 1});
  Call(&Stub::AppendKeys, MakeAppend("s", parts, random));
  v1::ListSequencesRequest request;
  request.set_store("s");
  std::vector<uint64_t> ids;
  std::vector<int> sizes;
  do {
    const auto page = Call(&Stub::ListSequences, request);
    for (const auto& sequence : page.sequences()) ids.push_back(sequence.id());
    sizes.push_back(page.sequences_size());
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  EXPECT_EQ(sizes, (std::vector<int>{100, 100, 50}));
  EXPECT_TRUE(std::is_sorted(ids.begin(), ids.end()));
  EXPECT_EQ(std::set<uint64_t>(ids.begin(), ids.end()).size(), 250u);

  Call(&Stub::CreateStore, MakeCreate("a/1"));
  Call(&Stub::CreateStore, MakeCreate("z"));
  v1::ListStoresRequest stores;
  stores.set_page_size(2);
  auto page = Call(&Stub::ListStores, stores);
  ASSERT_EQ(page.stores_size(), 2);
  EXPECT_EQ(page.stores(0).config().name(), "a/1");
  EXPECT_EQ(page.stores(1).config().name(), "s");
  stores.set_page_token(page.next_page_token());
  page = Call(&Stub::ListStores, stores);
  ASSERT_EQ(page.stores_size(), 1);
  EXPECT_EQ(page.stores(0).config().name(), "z");
  EXPECT_EQ(page.next_page_token(), "");
}

// Five stores of 3.5 MB of thresholds, scales and level counts: a page of stores must fit into a
// message.
TEST_P(ServiceTest, APageOfWideStoresEndsEarly) {
  v1::CreateStoreRequest wide = MakeCreate("");
  v1::StoreConfig& config = *wide.mutable_config();
  config.clear_layer_ids();
  for (int layer = 0; layer < 340; ++layer) config.add_layer_ids(layer);
  config.set_kv_heads(256);
  config.set_query_heads(256);
  config.set_head_dim(32);
  config.set_key_bits(3);
  config.mutable_key_scales()->Resize(340 * 256, 1.0f);
  for (const char* name : {"a", "b", "c", "d", "e"}) {
    config.set_name(name);
    Call(&Stub::CreateStore, wide);
  }
  v1::ListStoresRequest list;
  const auto first = Call(&Stub::ListStores, list);
  EXPECT_EQ(first.stores_size(), 3);
  list.set_page_token(first.next_page_token());
  const auto second = Call(&Stub::ListStores, list);
  ASSERT_EQ(second.stores_size(), 3);
  EXPECT_EQ(second.stores(0).config().name(), "d");
  EXPECT_EQ(second.stores(1).config().name(), "e");
  EXPECT_EQ(second.stores(2).config().name(), "s");
  EXPECT_EQ(second.next_page_token(), "");
}

TEST_P(ServiceTest, AnAnswerOf16MiBArrives) {
  Random random(4);
  constexpr int64_t kTokens = 4096;  // x 4 heads x k 256 x 4 bytes
  Call(&Stub::AppendKeys, MakeAppend("s", {{1, 0, 300}}, random));
  auto request = MakeSelect("s", {1}, random);
  v1::QueryBatch& queries = *request.mutable_queries();
  queries.mutable_policies(0)->set_k(256);
  queries.set_counts(0, kTokens);
  queries.set_queries(RandomQueryCodes(random, kTokens));
  for (int64_t token = 0; token < kTokens; ++token) queries.add_visible_lengths(300);
  queries.mutable_query_scales()->Resize(kTokens * kQueryHeads, 1.0f);
  const auto response = Call(&Stub::Select, request);
  EXPECT_EQ(response.answer().positions().size(), size_t{16} << 20);
  EXPECT_EQ(response.answer().counts().size(), size_t{kTokens} * kQueryHeads * 4);
}

TEST_P(ServiceTest, AMessageOverTheLimitIsRefused) {
  v1::AppendKeysRequest request;
  request.set_store("s");
  request.mutable_keys()->set_keys(std::string(kDefaultMessageBytes, 'a'));
  EXPECT_EQ(Send(stub(), &Stub::AppendKeys, request).status.error_code(),
            grpc::StatusCode::RESOURCE_EXHAUSTED);
}

TEST_P(ServiceTest, TooManyEntriesAreRefused) {
  v1::SelectRequest request;
  request.set_store("s");
  request.set_layer_id(3);
  for (int i = 0; i <= 16384; ++i) request.add_sequence_ids(i);
  const Outcome outcome = Send(stub(), &Stub::Select, request);
  EXPECT_EQ(outcome.status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(Call(&Stub::GetServer, v1::GetServerRequest()).limits().max_entries(), 16384);
}

TEST_P(ServiceTest, StepsWithoutQueriesAndSelectionsWithoutEntriesAreEmpty) {
  Random random(5);
  auto step = MakeStep("s", {{1, 0, 1}}, random);
  step.clear_queries();
  const auto stepped = Call(&Stub::Step, step);
  EXPECT_EQ(stepped.lengths(0), 1);
  EXPECT_EQ(stepped.answer().ByteSizeLong(), 0u);
  auto select = MakeSelect("s", {}, random);
  select.mutable_queries()->set_layout(v1::ANSWER_LAYOUT_PACKED);
  EXPECT_EQ(Ints(Call(&Stub::Select, select).answer().offsets()), (std::vector<int32_t>{0}));
}

// Bytes that are no message are refused by name; none of them hurts the server.
TEST_P(ServiceTest, BytesThatAreNoMessageAreRefused) {
  Random random(6);
  std::string good;
  MakeStep("s", {{1, 0, 1}, {2, 0, 1}}, random).SerializeToString(&good);
  const std::string before = Snapshot(stub());
  int refused = 0;
  for (size_t size = 1; size < good.size(); size += 7) {
    const auto status =
        CallBytes("/kvsift.v1.SelectionService/Step", good.substr(0, size), nullptr);
    EXPECT_THAT(status.error_code(),
                testing::AnyOf(grpc::StatusCode::INVALID_ARGUMENT, grpc::StatusCode::NOT_FOUND));
    refused += !status.ok();
  }
  EXPECT_GT(refused, 10);
  for (int i = 0; i < 200; ++i) {
    CallBytes("/kvsift.v1.SelectionService/Step", RandomBytes(random, 1 + random() % 64), nullptr);
  }
  EXPECT_EQ(Snapshot(stub()), before);
  const auto status = CallBytes("/kvsift.v1.SelectionService/GetServer", "\x0f", nullptr);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(DetailOf(status)->limit(), "a serialised kvsift.v1.GetServerRequest");
}

TEST_P(ServiceTest, HealthIsServing) {
  EXPECT_EQ(CheckHealth(server_.Connect(), ""), Health::kServing);
  EXPECT_EQ(CheckHealth(server_.Connect(), "kvsift.v1.SelectionService"), Health::kServing);
}

// ServerReflectionRequest: list_services = 7.
TEST_P(ServiceTest, ReflectionListsTheService) {
  std::string answer;
  const auto status = CallBytes("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
                                "\x3a\x01*", &answer);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_THAT(answer, testing::HasSubstr("kvsift.v1.SelectionService"));
  EXPECT_THAT(answer, testing::HasSubstr("grpc.health.v1.Health"));
}

TEST_P(ServiceTest, TheServerDescribesItself) {
  const auto server = Call(&Stub::GetServer, v1::GetServerRequest());
  EXPECT_EQ(server.version(), "0.1.0");
  EXPECT_EQ(server.server_incarnation(), 0x1234u);
  EXPECT_FALSE(server.backend().empty());
  ASSERT_EQ(server.devices_size(), 1);
  EXPECT_GT(server.devices(0).budget_bytes(), int64_t{900} << 20);
  EXPECT_EQ(server.devices(0).resident_bytes(), 0);
  EXPECT_EQ(server.limits().max_k(), 65536);
  EXPECT_EQ(server.limits().max_message_bytes(), 67108864);
  EXPECT_EQ(server.limits().max_answer_bytes(), 58720256);
}

TEST_P(ServiceTest, ReleasedMemoryIsFreeAgain) {
  const auto device = [this] { return Call(&Stub::GetServer, v1::GetServerRequest()).devices(0); };
  const int64_t free = device().free_bytes();
  Random random(3);
  ASSERT_TRUE(Send(stub(), &Stub::AppendKeys, MakeAppend("s", {{5, 0, 100}}, random)).status.ok());
  EXPECT_GT(device().resident_bytes(), 0);
  EXPECT_EQ(device().free_bytes(), free - device().resident_bytes());
  v1::ReleaseSequenceRequest release;
  release.set_store("s");
  release.set_sequence_id(5);
  ASSERT_TRUE(Send(stub(), &Stub::ReleaseSequence, release).status.ok());
  EXPECT_EQ(device().resident_bytes(), 0);
  EXPECT_EQ(device().free_bytes(), free);
}

INSTANTIATE_TEST_SUITE_P(Transports, ServiceTest,
                         testing::Values(Transport::kTcp, Transport::kUnix),
                         [](const auto& of) { return TransportName(of.param); });

}  // namespace
}  // namespace kvsift
