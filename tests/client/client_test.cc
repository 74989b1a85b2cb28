// The client against a real server, over both transports.
#include "kvsift/client.h"

#include <atomic>
#include <future>
#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kernels/encode/encode.h"
#include "tests/client/sample_store.h"
#include "tests/end_to_end/test_server.h"

namespace kvsift {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

class ClientCalls : public testing::TestWithParam<Transport> {
 protected:
  void SetUp() override {
    auto client = Client::Connect(server_.address(), {}, Soon());
    ASSERT_TRUE(client.ok()) << client.status();
    client_ = *std::move(client);
    auto store = client_->CreateStore(SampleConfig("sample"), Soon());
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
  }

  // Appends `tokens` positions to a new sequence.
  void Fill(uint64_t id, int64_t tokens) {
    const std::vector<float> keys = SampleKeys(tokens);
    const auto result = client_->Append(store_, SampleAppend(keys, {{id, 0, tokens, {}}}), Soon());
    ASSERT_TRUE(result.ok() && result->ok()) << result.status();
  }

  TestServer server_{{}, GetParam()};
  std::unique_ptr<Client> client_;
  client::Store store_;
  std::vector<float> query_ = SampleElements(4 * 32, 9);
};

TEST_P(ClientCalls, ServerAndStoresAreDescribed) {
  const auto server = client_->GetServer(Soon());
  ASSERT_TRUE(server.ok()) << server.status();
  EXPECT_EQ(server->limits.max_k, 65536);
  ASSERT_THAT(server->devices, SizeIs(1));
  EXPECT_EQ(server->devices[0].name, server->backend);
  EXPECT_EQ(server->devices[0].description, server->backend_description);
  EXPECT_EQ(server->devices[0].sharing == client::DeviceSharing::kNotShared,
            server->backend != "cuda");
  EXPECT_NE(server->devices[0].sharing, client::DeviceSharing::kUnspecified);
  EXPECT_EQ(store_.config.layer_ids, (std::vector<int32_t>{2, 5}));
  EXPECT_THAT(store_.thresholds, SizeIs(12));
  EXPECT_EQ(store_.Format().thresholds, store_.thresholds);
  EXPECT_EQ(client_->GetStore("sample", Soon())->fingerprint, store_.fingerprint);
}

TEST_P(ClientCalls, ListsComeWholeHoweverManyPagesTheyHave) {
  for (int i = 0; i < 120; ++i) {
    ASSERT_TRUE(client_->CreateStore(SampleConfig(absl::StrCat("s", i)), Soon()).ok());
    Fill(i, 1);
  }
  EXPECT_THAT(*client_->ListStores(Soon()), SizeIs(121));
  const auto sequences = client_->ListSequences("sample", Soon());
  ASSERT_TRUE(sequences.ok()) << sequences.status();
  ASSERT_THAT(*sequences, SizeIs(120));
  EXPECT_EQ(sequences->back().id, 119u);
}

TEST_P(ClientCalls, RefusedMessagesNameTheField) {
  auto config = SampleConfig("other");
  config.head_dim = 0;
  const auto store = client_->CreateStore(config, Soon());
  EXPECT_EQ(store.status().code(), absl::StatusCode::kInvalidArgument);
  const auto detail = client::GetErrorDetail(store.status());
  ASSERT_TRUE(detail.has_value()) << store.status();
  EXPECT_THAT(detail->field, HasSubstr("head_dim"));
  EXPECT_EQ(detail->value, "0");
  EXPECT_THAT(detail->limit, HasSubstr("256"));
}

TEST_P(ClientCalls, EncodingHereAndOnTheServerSelectTheSame) {
  const std::vector<float> keys = SampleKeys(50);
  auto append = SampleAppend(keys, {{1, 0, 50, {}}});
  append.encode = client::EncodeOn::kClient;
  ASSERT_TRUE(client_->Append(store_, append, Soon())->ok());
  append.encode = client::EncodeOn::kServer;  // the same sequence: equal codes are accepted
  const auto again = client_->Append(store_, append, Soon());
  ASSERT_TRUE(again.ok() && again->ok());
  EXPECT_THAT(again->lengths, ElementsAre(50));
  for (const Estimator estimator : {Estimator::kManhattan, Estimator::kAsymmetricDot}) {
    auto select = SampleSelect(query_, 1);
    select.queries.policies[0].estimator = estimator;
    select.queries.want_scores = true;
    const auto here = client_->Select(store_, select, Soon());
    select.queries.encode = client::EncodeOn::kServer;
    const auto there = client_->Select(store_, select, Soon());
    ASSERT_TRUE(here.ok() && there.ok()) << here.status() << there.status();
    EXPECT_EQ(here->positions, there->positions);
    EXPECT_EQ(here->scores, there->scores);
    EXPECT_THAT(here->scores, SizeIs(4 * 5));
  }
}

TEST_P(ClientCalls, RowsArePaddedOrPacked) {
  Fill(1, 3);
  Fill(2, 50);
  auto select = SampleSelect(query_, 1);
  std::vector<float> queries = query_;
  queries.insert(queries.end(), query_.begin(), query_.end());
  select.entries = {{.sequence_id = 1}, {.sequence_id = 2}};
  select.queries.vectors = client::Float32Vectors(queries);
  const auto padded = client_->Select(store_, select, Soon());
  ASSERT_TRUE(padded.ok() && padded->ok()) << padded.status();
  EXPECT_EQ(padded->width, 5);
  EXPECT_THAT(padded->counts, ElementsAre(3, 3, 3, 3, 5, 5, 5, 5));
  EXPECT_THAT(padded->entry_rows, ElementsAre(0, 4, 8));
  EXPECT_THAT(padded->lengths, ElementsAre(3, 50));
  EXPECT_THAT(std::vector<int32_t>(padded->positions.begin(), padded->positions.begin() + 5),
              ElementsAre(0, 1, 2, -1, -1));
  select.queries.layout = client::RowLayout::kPacked;
  const auto packed = client_->Select(store_, select, Soon());
  ASSERT_TRUE(packed.ok()) << packed.status();
  EXPECT_THAT(packed->positions, SizeIs(4 * 3 + 4 * 5));
  for (int64_t row = 0; row < 8; ++row) {
    EXPECT_THAT(packed->Row(row), testing::ElementsAreArray(padded->Row(row))) << row;
  }
}

TEST_P(ClientCalls, AStepAppendsAndSelects) {
  Fill(1, 10);
  const std::vector<float> key = SampleElements(2 * 32, 3);
  client::StepRequest step;
  step.layer_id = 2;
  step.entries = {{.sequence_id = 1, .start = 10}};
  step.keys = client::Float32Vectors(key);
  step.queries.policies = {{.k = 11}};
  step.queries.vectors = client::Float32Vectors(query_);
  const auto result = client_->Step(store_, step, Soon());
  ASSERT_TRUE(result.ok() && result->ok()) << result.status();
  EXPECT_THAT(result->Row(0), ElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10));
  EXPECT_THAT(result->lengths, ElementsAre(11));
}

TEST_P(ClientCalls, AsynchronousCallsAnswerLikeSynchronousOnes) {
  Fill(1, 50);
  const auto select = SampleSelect(query_, 1);
  const auto expected = client_->Select(store_, select, Soon());
  ASSERT_TRUE(expected.ok()) << expected.status();
  std::vector<std::future<absl::StatusOr<client::SelectionResult>>> answers;
  for (int i = 0; i < 32; ++i) {
    auto promise = std::make_shared<std::promise<absl::StatusOr<client::SelectionResult>>>();
    answers.push_back(promise->get_future());
    client_->SelectAsync(store_, select, Soon(),
                         [promise](auto result) { promise->set_value(std::move(result)); });
  }
  client_.reset();  // answers still come, and have come now
  for (auto& answer : answers) {
    const auto result = answer.get();
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(result->positions, expected->positions);
  }
}

TEST_P(ClientCalls, AnAsynchronousStepAppends) {
  const std::vector<float> key = SampleElements(2 * 32, 3);
  client::StepRequest step;
  step.layer_id = 5;
  step.entries = {{.sequence_id = 4, .query_tokens = 0}};
  step.keys = client::Float32Vectors(key);
  std::promise<absl::StatusOr<client::SelectionResult>> promise;
  client_->StepAsync(store_, step, Soon(),
                     [&promise](auto result) { promise.set_value(std::move(result)); });
  const auto result = promise.get_future().get();
  ASSERT_TRUE(result.ok() && result->ok()) << result.status();
  EXPECT_THAT(result->lengths, ElementsAre(1));
  EXPECT_EQ(result->rows(), 0);
}

TEST_P(ClientCalls, APassedDeadlineIsAnError) {
  const absl::Time past = absl::Now() - absl::Seconds(1);
  EXPECT_TRUE(absl::IsDeadlineExceeded(client_->GetServer(past).status()));
  EXPECT_TRUE(
      absl::IsDeadlineExceeded(client_->Select(store_, SampleSelect(query_, 1), past).status()));
  std::promise<absl::Status> promise;
  client_->SelectAsync(store_, SampleSelect(query_, 1), past,
                       [&promise](const auto& result) { promise.set_value(result.status()); });
  EXPECT_TRUE(absl::IsDeadlineExceeded(promise.get_future().get()));
}

TEST_P(ClientCalls, AnEntrysTroubleLeavesItsNeighboursAlone) {
  Fill(1, 10);
  std::vector<float> queries = query_;
  queries.insert(queries.end(), query_.begin(), query_.end());
  queries[5] = std::numeric_limits<float>::quiet_NaN();
  auto select = SampleSelect(queries, 1);
  select.entries = {{.sequence_id = 1}, {.sequence_id = 1}};
  const auto result = client_->Select(store_, select, Soon());
  ASSERT_TRUE(result.ok()) << result.status();
  ASSERT_THAT(result->errors, SizeIs(1));
  EXPECT_EQ(result->errors[0].entry, 0);
  EXPECT_TRUE(absl::IsInvalidArgument(result->errors[0].status));
  EXPECT_THAT(result->counts, ElementsAre(0, 0, 0, 0, 5, 5, 5, 5));
}

TEST_P(ClientCalls, SequencesAreForkedTruncatedAndReleased) {
  Fill(1, 50);
  const auto child = client_->Fork("sample", 1, 2, 20, {}, Soon());
  ASSERT_TRUE(child.ok()) << child.status();
  EXPECT_EQ(child->layers[1].length, 20);
  const auto cut = client_->Truncate("sample", 1, 7, {}, Soon());
  ASSERT_TRUE(cut.ok()) << cut.status();
  EXPECT_EQ(client_->GetSequence("sample", 1, Soon())->layers[0].length, 7);
  EXPECT_TRUE(absl::IsAborted(client_->Release("sample", 1, cut->epoch + 100, Soon())));
  EXPECT_TRUE(client_->Release("sample", 1, cut->epoch, Soon()).ok());
  EXPECT_TRUE(absl::IsNotFound(client_->GetSequence("sample", 1, Soon()).status()));
}

TEST_P(ClientCalls, CalibrateMeasuresLayerByLayer) {
  const std::vector<float> keys = SampleElements(2 * 10 * 2 * 32, 4);
  client::CalibrateRequest request;
  request.head_dim = 32;
  request.kv_heads = 2;
  request.layers = 2;
  request.tokens = 10;
  request.keys = client::Float32Vectors(keys);
  const auto scales = client_->Calibrate(request, Soon());
  ASSERT_TRUE(scales.ok()) << scales.status();
  const auto second = CalibrateKeyScales(32, 2, 10, ElementType::kFloat32,
                                         request.keys.bytes.subspan(10 * 2 * 32 * 4));
  ASSERT_THAT(*scales, SizeIs(4));
  EXPECT_EQ((*scales)[2], (*second)[0]);
  EXPECT_EQ((*scales)[3], (*second)[1]);
}

TEST_P(ClientCalls, WrongSizesAreRefusedHere) {
  std::vector<float> keys = SampleKeys(5);
  keys.pop_back();
  const auto append = client_->Append(store_, SampleAppend(keys, {{1, 0, 5, {}}}), Soon());
  EXPECT_TRUE(absl::IsInvalidArgument(append.status()));
  EXPECT_THAT(std::string(append.status().message()), HasSubstr("2556 bytes, expected 2560"));
  auto select = SampleSelect(query_, 1);
  select.entries[0].policy = 1;
  EXPECT_TRUE(absl::IsInvalidArgument(client_->Select(store_, select, Soon()).status()));
  const std::vector<float> twice = SampleKeys(2);
  EXPECT_TRUE(absl::IsInvalidArgument(
      client_->Append(store_, SampleAppend(twice, {{1, 0, 1, {}}, {1, 1, 1, {}}}), Soon())
          .status()));
}

// Their channel must not end on a thread of gRPC, above all not as the last of the process.
TEST(ClientDestruction, WaitsForCallbacksToReturn) {
  const std::vector<float> query = SampleElements(4 * 32, 9);
  for (int i = 0; i < 20; ++i) {
    auto server = std::make_unique<TestServer>();
    auto client = Client::Connect(server->address(), {}, Soon());
    ASSERT_TRUE(client.ok()) << client.status();
    const auto store = (*client)->CreateStore(SampleConfig("sample"), Soon());
    ASSERT_TRUE(store.ok()) << store.status();
    std::promise<void> called;
    std::promise<void> may_return;
    std::atomic<bool> has_returned = false;
    (*client)->SelectAsync(*store, SampleSelect(query, 1), Soon(), [&](const auto&) {
      called.set_value();
      may_return.get_future().wait();
      has_returned = true;
    });
    called.get_future().wait();
    server.reset();
    may_return.set_value();
    client->reset();
    EXPECT_TRUE(has_returned) << i;
  }
}

TEST(ClientConnect, AddressesOfAnotherFormAreRefused) {
  for (const char* address : {"", "localhost", "localhost:", ":1", "localhost:99999", "unix:"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(Client::Connect(address, {}, Soon()).status())) << address;
  }
}

TEST(ClientConnect, NobodyListeningIsUnavailableAtOnce) {
  EXPECT_TRUE(absl::IsUnavailable(Client::Connect("unix:/no/such/socket", {}, Soon()).status()));
}

INSTANTIATE_TEST_SUITE_P(Transports, ClientCalls,
                         testing::Values(Transport::kTcp, Transport::kUnix),
                         [](const auto& transport) { return TransportName(transport.param); });

}  // namespace
}  // namespace kvsift
