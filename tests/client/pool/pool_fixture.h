// A pool over real servers in this process, which come and go, and keys to bring back.
#ifndef KVSIFT_TESTS_CLIENT_POOL_POOL_FIXTURE_H_
#define KVSIFT_TESTS_CLIENT_POOL_POOL_FIXTURE_H_

#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "kvsift/pool.h"
#include "tests/client/sample_store.h"
#include "tests/end_to_end/test_server.h"

namespace kvsift {

inline constexpr char kPoolStore[] = "pool";
inline constexpr int64_t kPoolTokens = 70;  // of a sequence; more than a page

// Keys of position `position` of a sequence at layer 2 or 5: [2, 32].
inline std::vector<float> PoolKey(uint64_t id, int32_t layer_id, int64_t position) {
  return SampleElements(2 * 32, static_cast<uint32_t>(id * 100'003 + layer_id * 1009 + position));
}

// Keys [start, start + count) of both layers.
inline std::vector<float> PoolKeys(uint64_t id, int64_t start, int64_t count) {
  std::vector<float> keys;
  for (const int32_t layer : {2, 5}) {
    for (int64_t i = 0; i < count; ++i) {
      const std::vector<float> key = PoolKey(id, layer, start + i);
      keys.insert(keys.end(), key.begin(), key.end());
    }
  }
  return keys;
}

class PoolTest : public testing::Test {
 protected:
  void SetUp() override { reference_ = Connected(oracle_.address()); }

  static std::unique_ptr<Client> Connected(const std::string& address) {
    auto client = Client::Connect(address, {}, Soon());
    EXPECT_TRUE(client.ok()) << client.status();
    return *std::move(client);
  }

  // Starts a server, which the pool finds at its next look. Returns its address.
  std::string AddServer() {
    ServerOptions options;
    options.incarnation = ++incarnations_;
    options.drain_timeout = absl::Seconds(1);
    auto server = std::make_unique<TestServer>(options);
    const std::string address = server->address();
    const std::lock_guard lock(mutex_);
    servers_[address] = std::move(server);
    listed_.push_back(address);
    return address;
  }

  // Ends a server at once. It stays listed, as a pod does for a while.
  void Kill(const std::string& address) { servers_.erase(address); }

  void Unlist(const std::string& address) {
    const std::lock_guard lock(mutex_);
    std::erase(listed_, address);
  }

  client::PoolOptions Options() {
    client::PoolOptions options;
    options.check_interval = absl::Milliseconds(50);
    options.resolve_interval = absl::ZeroDuration();
    options.resolve = [this](const std::string&) {
      const std::lock_guard lock(mutex_);
      return listed_;
    };
    return options;
  }

  static client::KeyProvider Provider() {
    return {.read =
                [](const client::KeyRange& range, std::span<std::byte> out) {
                  for (int64_t i = 0; i < range.count; ++i) {
                    const std::vector<float> key =
                        PoolKey(range.sequence_id, range.layer_id, range.start + i);
                    std::memcpy(out.data() + i * 256, key.data(), 256);
                  }
                  return absl::OkStatus();
                },
            .raw = ElementType::kFloat32};
  }

  // A pool of `count` servers with the sample store.
  void Open(int count, client::KeyProvider keys, client::PoolOptions options) {
    for (int i = 0; i < count; ++i) AddServer();
    Reopen(std::move(keys), std::move(options));
  }

  void Reopen(client::KeyProvider keys, client::PoolOptions options) {
    auto pool = Pool::Connect("pool", std::move(options), Soon());
    ASSERT_TRUE(pool.ok()) << pool.status();
    pool_ = *std::move(pool);
    auto store = pool_->CreateStore(SampleConfig(kPoolStore), std::move(keys), Soon());
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
    auto same = reference_->CreateStore(SampleConfig(kPoolStore), Soon());
    ASSERT_TRUE(same.ok()) << same.status();
  }

  // Waits until so many members serve.
  void AwaitServing(size_t count) {
    for (int i = 0; i < 2000; ++i) {
      size_t serving = 0;
      for (const auto& member : pool_->Members()) {
        serving += member.state == client::MemberState::kServing ? 1 : 0;
      }
      if (serving == count) return;
      absl::SleepFor(absl::Milliseconds(5));
    }
    FAIL() << "not " << count << " members serve";
  }

  // Appends the first tokens of sequences 1 .. count to the pool and to the oracle.
  void AppendSequences(uint64_t count) {
    for (uint64_t id = 1; id <= count; ++id) AppendTo(id, 0, kPoolTokens);
  }

  void AppendTo(uint64_t id, int64_t start, int64_t count) {
    const std::vector<float> keys = PoolKeys(id, start, count);
    const client::AppendRequest request = SampleAppend(keys, {{id, start, count, {}}});
    const auto result = pool_->StreamAppend(store_, request, Soon());
    ASSERT_TRUE(result.ok()) << result.status();
    ASSERT_TRUE(result->ok()) << result->errors[0].status;
    ASSERT_TRUE(reference_->Append(store_, request, Soon()).ok());
  }

  // A selection over sequences 1 .. count, at one layer.
  client::SelectRequest SelectAll(uint64_t count, int32_t layer_id = 2) {
    queries_ = SampleElements(static_cast<int64_t>(count) * 4 * 32, 9);
    client::SelectRequest request;
    request.layer_id = layer_id;
    for (uint64_t id = 1; id <= count; ++id) request.entries.push_back({.sequence_id = id});
    request.queries.policies = {{.k = 20}};
    request.queries.vectors = client::Float32Vectors(queries_);
    return request;
  }

  // The pool's answer is what one server that holds everything answers.
  void ExpectRight(uint64_t count) {
    for (const int32_t layer : {2, 5}) {
      const client::SelectRequest request = SelectAll(count, layer);
      const auto got = pool_->Select(store_, request, Soon());
      const auto expected = reference_->Select(store_, request, Soon());
      ASSERT_TRUE(got.ok()) << got.status();
      ASSERT_TRUE(got->ok()) << "entry " << got->errors[0].entry << ": " << got->errors[0].status;
      ASSERT_TRUE(expected.ok() && expected->ok());
      EXPECT_EQ(got->positions, expected->positions);
      EXPECT_EQ(got->counts, expected->counts);
      EXPECT_EQ(got->lengths, expected->lengths);
      EXPECT_EQ(got->entry_rows, expected->entry_rows);
    }
  }

  std::string PlaceOf(uint64_t id) {
    const auto place = pool_->PlaceOf(kPoolStore, id);
    EXPECT_TRUE(place.ok()) << place.status();
    return place.value_or("");
  }

  // How many of sequences 1 .. count are at an address.
  int64_t CountAt(const std::string& address, uint64_t count) {
    int64_t found = 0;
    for (uint64_t id = 1; id <= count; ++id) found += PlaceOf(id) == address ? 1 : 0;
    return found;
  }

  // How many sequences a server holds.
  int64_t HeldAt(const std::string& address) {
    const auto sequences = Connected(address)->ListSequences(kPoolStore, Soon());
    EXPECT_TRUE(sequences.ok()) << sequences.status();
    return sequences.ok() ? std::ssize(*sequences) : -1;
  }

  TestServer oracle_;
  std::unique_ptr<Client> reference_;
  uint64_t incarnations_ = 100;
  std::mutex mutex_;
  std::vector<std::string> listed_;
  std::map<std::string, std::unique_ptr<TestServer>> servers_;
  std::unique_ptr<Pool> pool_;
  client::Store store_;
  std::vector<float> queries_;
};

}  // namespace kvsift

#endif  // KVSIFT_TESTS_CLIENT_POOL_POOL_FIXTURE_H_
