// StreamAppendKeys: half-close, a message that is refused, an entry that fails, a client that
// goes away.
#include <gtest/gtest.h>

#include <optional>
#include <thread>

#include "tests/end_to_end/refusal.h"
#include "tests/end_to_end/requests.h"
#include "tests/end_to_end/test_server.h"

namespace kvsift {
namespace {

using Stub = v1::SelectionService::Stub;
using Part = v1::StreamAppendKeysRequest;

class StreamTest : public testing::Test {
 protected:
  StreamTest() {
    EXPECT_TRUE(Send(stub(), &Stub::CreateStore, MakeCreate("s")).status.ok());
    EXPECT_TRUE(Send(stub(), &Stub::CreateStore, MakeCreate("unary")).status.ok());
  }

  Stub& stub() { return server_.stub(); }

  static Part MakePart(const v1::AppendKeysRequest& append) {
    Part part;
    part.set_store(append.store());
    *part.mutable_keys() = append.keys();
    return part;
  }

  // Sends `parts`, half-closes, and returns what the server says.
  grpc::Status Stream(const std::vector<Part>& parts, v1::StreamAppendKeysResponse& response) {
    grpc::ClientContext context;
    const auto writer = stub().StreamAppendKeys(&context, &response);
    for (const Part& part : parts) {
      if (!writer->Write(part)) break;  // the server has answered
    }
    writer->WritesDone();
    return writer->Finish();
  }

  int64_t Length(const std::string& store, uint64_t id) {
    v1::GetSequenceRequest request;
    request.set_store(store);
    request.set_sequence_id(id);
    v1::GetSequenceResponse response;
    grpc::ClientContext context;
    if (!stub().GetSequence(&context, request, &response).ok()) return -1;
    return response.sequence().layers(0).length();
  }

  TestServer server_{{}, Transport::kUnix};
};

TEST_F(StreamTest, AllMessagesAreAppliedInOrder) {
  Random random(1);
  std::vector<Part> parts;
  for (int64_t start = 0; start < 1000; start += 100) {
    parts.push_back(MakePart(MakeAppend("s", {{1, start, 100}}, random)));
    if (start > 0) parts.back().clear_store();  // inherited
  }
  v1::StreamAppendKeysResponse response;
  const grpc::Status status = Stream(parts, response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(response.messages(), 10);
  ASSERT_EQ(response.lengths_size(), 1);
  EXPECT_EQ(response.lengths(0), 1000);
  EXPECT_EQ(response.server_incarnation(), 0x1234u);
  EXPECT_EQ(Length("s", 1), 1000);
}

TEST_F(StreamTest, AStreamWithoutMessagesSucceeds) {
  v1::StreamAppendKeysResponse response;
  ASSERT_TRUE(Stream({}, response).ok());
  EXPECT_EQ(response.messages(), 0);
  EXPECT_EQ(response.lengths_size(), 0);
}

TEST_F(StreamTest, AFailedEntryEndsTheStreamAndSaysHowFarItCame) {
  Random random(2);
  const std::vector<Part> parts = {
      MakePart(MakeAppend("s", {{1, 0, 10}, {2, 0, 5}}, random)),
      MakePart(MakeAppend("s", {{1, 10, 10}, {2, 7, 5}}, random)),  // a gap in sequence 2
      MakePart(MakeAppend("s", {{1, 20, 10}}, random))};
  v1::StreamAppendKeysResponse response;
  const grpc::Status status = Stream(parts, response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(response.messages(), 1);
  ASSERT_EQ(response.entry_errors_size(), 1);
  EXPECT_EQ(response.entry_errors(0).entry(), 1);
  EXPECT_EQ(response.entry_errors(0).code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(response.entry_errors(0).length(), 5);
  EXPECT_EQ(Length("s", 1), 20);
  EXPECT_EQ(Length("s", 2), 5);
}

TEST_F(StreamTest, ARefusedMessageEndsTheStreamAndEarlierOnesStay) {
  Random random(3);
  std::vector<Part> parts = {MakePart(MakeAppend("s", {{1, 0, 10}}, random)),
                             MakePart(MakeAppend("s", {{1, 10, 10}}, random))};
  parts[1].mutable_keys()->mutable_keys()->pop_back();
  v1::StreamAppendKeysResponse response;
  const grpc::Status status = Stream(parts, response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  const auto detail = DetailOf(status);
  ASSERT_TRUE(detail.has_value());
  EXPECT_EQ(detail->field(), "messages[1].keys.keys");
  EXPECT_EQ(detail->value(), "639 bytes");
  EXPECT_EQ(Length("s", 1), 10);
}

TEST_F(StreamTest, AFirstMessageWithoutAStoreIsRefused) {
  v1::StreamAppendKeysResponse response;
  EXPECT_EQ(Stream({Part()}, response).error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST_F(StreamTest, AFingerprintHoldsForLaterMessages) {
  Random random(4);
  std::vector<Part> parts = {MakePart(MakeAppend("s", {{1, 0, 1}}, random)),
                             MakePart(MakeAppend("unary", {{1, 0, 1}}, random))};
  v1::GetStoreRequest get;
  get.set_name("s");
  v1::GetStoreResponse store;
  grpc::ClientContext context;
  ASSERT_TRUE(stub().GetStore(&context, get, &store).ok());
  parts[0].set_fingerprint(store.store().fingerprint() + 1);
  v1::StreamAppendKeysResponse response;
  EXPECT_EQ(Stream(parts, response).error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(Length("s", 1), -1);
}

// What was applied before the client went away stays, whole messages only, and the server serves
// on.
TEST_F(StreamTest, ACancelledStreamLeavesWholeMessages) {
  Random random(5);
  for (uint64_t id = 1; id <= 20; ++id) {
    grpc::ClientContext context;
    v1::StreamAppendKeysResponse response;
    const auto writer = stub().StreamAppendKeys(&context, &response);
    for (int64_t start = 0; start < 200; start += 50) {
      writer->Write(MakePart(MakeAppend("s", {{id, start, 50}}, random)));
    }
    context.TryCancel();
    EXPECT_EQ(writer->Finish().error_code(), grpc::StatusCode::CANCELLED);
  }
  Random again(6);
  ASSERT_TRUE(Send(stub(), &Stub::AppendKeys, MakeAppend("s", {{99, 0, 1}}, again)).status.ok());
  for (uint64_t id = 1; id <= 20; ++id) {
    const int64_t length = Length("s", id);
    EXPECT_TRUE(length == -1 || length % 50 == 0) << length;
  }
}

}  // namespace
}  // namespace kvsift
