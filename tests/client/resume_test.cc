// Interrupted calls are finished by the client itself, and nothing is applied twice.
#include <memory>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kvsift/client.h"
#include "tests/client/faulty_proxy.h"
#include "tests/client/sample_store.h"
#include "tests/end_to_end/test_server.h"

namespace kvsift {
namespace {

using testing::ElementsAre;

constexpr int64_t kTokens = 100;
constexpr int64_t kCodeBytes = 2 * 2 * 8;  // of one position: layers, kv heads, bytes of a key

class Resume : public testing::Test {
 protected:
  void SetUp() override {
    auto direct = Client::Connect(server_.address(), {}, Soon());
    ASSERT_TRUE(direct.ok()) << direct.status();
    direct_ = *std::move(direct);
    client::Options options;
    options.append_chunk_bytes = 10 * kCodeBytes;  // 10 messages for 100 tokens
    options.attempts = 3;
    options.wait = [this](absl::Duration) { ++waits_; };
    auto client = Client::Connect(proxy_.address(), options, Soon());
    ASSERT_TRUE(client.ok()) << client.status();
    client_ = *std::move(client);
    auto store = direct_->CreateStore(SampleConfig("resume"), Soon());
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
  }

  // What a selection over all keys of sequence `id` returns.
  std::vector<int32_t> Selected(uint64_t id) {
    const std::vector<float> query = SampleElements(4 * 32, 9);
    const auto result = direct_->Select(store_, SampleSelect(query, id, 20), Soon());
    EXPECT_TRUE(result.ok() && result->ok()) << result.status();
    return result.ok() ? result->positions : std::vector<int32_t>();
  }

  // What it must be: the same keys appended in one piece, undisturbed.
  std::vector<int32_t> Expected() {
    constexpr uint64_t kOther = 1000;
    EXPECT_TRUE(
        direct_->Append(store_, SampleAppend(keys_, {{kOther, 0, kTokens, {}}}), Soon()).ok());
    return Selected(kOther);
  }

  TestServer server_;
  FaultyProxy proxy_{server_.stub()};
  std::unique_ptr<Client> direct_;
  std::unique_ptr<Client> client_;
  client::Store store_;
  std::vector<float> keys_ = SampleKeys(kTokens);
  int waits_ = 0;
};

TEST_F(Resume, ALongAppendIsCutIntoMessages) {
  const auto result = client_->Append(store_, SampleAppend(keys_, {{7, 0, kTokens, {}}}), Soon());
  ASSERT_TRUE(result.ok() && result->ok()) << result.status();
  EXPECT_EQ(proxy_.appends, 10);
  EXPECT_THAT(result->lengths, ElementsAre(kTokens));
  EXPECT_EQ(Selected(7), Expected());
}

TEST_F(Resume, LostCallsAndLostAnswersAreSentAgain) {
  proxy_.SetFaults({Fault::kNone, Fault::kLoseAnswer, Fault::kLoseCall, Fault::kNone,
                    Fault::kLoseCall, Fault::kNone, Fault::kLoseAnswer});
  const auto result = client_->Append(store_, SampleAppend(keys_, {{7, 0, kTokens, {}}}), Soon());
  ASSERT_TRUE(result.ok() && result->ok()) << result.status();
  EXPECT_EQ(waits_, 4);
  EXPECT_EQ(Selected(7), Expected());
}

TEST_F(Resume, ALostCreationUnderADemandedEpochIsRecognised) {
  proxy_.SetFaults({Fault::kLoseAnswer});
  const auto result = client_->Append(store_, SampleAppend(keys_, {{7, 0, kTokens, 0}}), Soon());
  ASSERT_TRUE(result.ok() && result->ok()) << result->errors[0].status;
  EXPECT_EQ(Selected(7), Expected());
}

TEST_F(Resume, AnotherWritersSequenceUnderADemandedEpochStaysAborted) {
  const std::vector<float> other = SampleKeys(kTokens, 2);
  ASSERT_TRUE(direct_->Append(store_, SampleAppend(other, {{7, 0, kTokens, {}}}), Soon()).ok());
  const std::vector<int32_t> before = Selected(7);
  const auto result = client_->Append(store_, SampleAppend(keys_, {{7, 0, kTokens, 0}}), Soon());
  ASSERT_TRUE(result.ok()) << result.status();
  ASSERT_FALSE(result->ok());
  EXPECT_TRUE(absl::IsAborted(result->errors[0].status));
  EXPECT_EQ(Selected(7), before);
}

TEST_F(Resume, AServerThatLostTheTailGetsItAgain) {
  proxy_.before_append = [this](int before) {
    if (before != 5) return;
    ASSERT_TRUE(direct_->Truncate("resume", 7, 13, {}, Soon()).ok());
  };
  const auto result = client_->Append(store_, SampleAppend(keys_, {{7, 0, kTokens, {}}}), Soon());
  ASSERT_TRUE(result.ok() && result->ok()) << result.status();
  EXPECT_EQ(Selected(7), Expected());
}

TEST_F(Resume, AServerThatLostEverythingGetsAllAgain) {
  proxy_.before_append = [this](int before) {
    if (before != 5) return;
    ASSERT_TRUE(direct_->Release("resume", 7, {}, Soon()).ok());
  };
  const auto result = client_->Append(store_, SampleAppend(keys_, {{7, 0, kTokens, {}}}), Soon());
  ASSERT_TRUE(result.ok() && result->ok()) << result.status();
  EXPECT_EQ(Selected(7), Expected());
}

TEST_F(Resume, AGapBeforeTheKeysIsTheCallersToFill) {
  const auto result = client_->Append(store_, SampleAppend(keys_, {{7, 3, kTokens, {}}}), Soon());
  ASSERT_TRUE(result.ok()) << result.status();
  ASSERT_EQ(result->errors.size(), 1u);
  EXPECT_TRUE(absl::IsFailedPrecondition(result->errors[0].status));
  EXPECT_EQ(result->errors[0].length, 0);
  EXPECT_EQ(proxy_.appends, 1);
}

TEST_F(Resume, AServerThatStaysAwayEndsTheAppend) {
  proxy_.SetFaults({Fault::kLoseCall, Fault::kLoseCall, Fault::kLoseCall});
  const auto result = client_->Append(store_, SampleAppend(keys_, {{7, 0, kTokens, {}}}), Soon());
  EXPECT_TRUE(absl::IsUnavailable(result.status())) << result.status();
  EXPECT_EQ(waits_, 2);
}

TEST_F(Resume, ABrokenStreamIsSentAgain) {
  proxy_.SetFaults({Fault::kLoseAnswer, Fault::kLoseCall});
  const auto result =
      client_->StreamAppend(store_, SampleAppend(keys_, {{7, 0, kTokens, {}}}), Soon());
  ASSERT_TRUE(result.ok() && result->ok()) << result.status();
  EXPECT_THAT(result->lengths, ElementsAre(kTokens));
  EXPECT_EQ(proxy_.appends, 2);
  EXPECT_EQ(Selected(7), Expected());
}

TEST_F(Resume, AResentReleaseThatFindsNothingIsDone) {
  ASSERT_TRUE(direct_->Append(store_, SampleAppend(keys_, {{7, 0, kTokens, {}}}), Soon()).ok());
  proxy_.SetFaults({Fault::kLoseAnswer});
  EXPECT_TRUE(client_->Release("resume", 7, {}, Soon()).ok());
  EXPECT_TRUE(absl::IsNotFound(client_->Release("resume", 7, {}, Soon())));
}

TEST_F(Resume, AResentDeletionThatFindsNothingIsDone) {
  proxy_.SetFaults({Fault::kLoseAnswer});
  EXPECT_TRUE(client_->DeleteStore("resume", Soon()).ok());
  EXPECT_TRUE(absl::IsNotFound(client_->DeleteStore("resume", Soon())));
}

}  // namespace
}  // namespace kvsift
