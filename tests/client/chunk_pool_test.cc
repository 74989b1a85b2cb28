#include "client/cpp/chunk_pool.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "gtest/gtest.h"

namespace kvsift::client {
namespace {

constexpr size_t kBytes = 4096;

auto Fill(std::byte value) {
  return [value](std::span<std::byte> out) { std::fill(out.begin(), out.end(), value); };
}

bool Holds(const grpc::Slice& slice, size_t size, std::byte value) {
  const auto is_value = [value](uint8_t byte) { return std::byte{byte} == value; };
  return slice.size() == size && std::all_of(slice.begin(), slice.end(), is_value);
}

TEST(ChunkPoolTest, MemoryIsUsedAgainOnceItsSliceIsGone) {
  ChunkPool pool;
  std::optional<grpc::Slice> first = pool.Make(kBytes, Fill(std::byte{1}));
  const uint8_t* const memory = first->begin();
  const grpc::Slice second = pool.Make(kBytes, Fill(std::byte{2}));
  EXPECT_NE(second.begin(), memory);
  EXPECT_TRUE(Holds(*first, kBytes, std::byte{1}));
  first.reset();
  // Less than there is room for: the last message of an append.
  const grpc::Slice third = pool.Make(kBytes - 1, Fill(std::byte{3}));
  EXPECT_EQ(third.begin(), memory);
  EXPECT_TRUE(Holds(third, kBytes - 1, std::byte{3}));
  EXPECT_TRUE(Holds(second, kBytes, std::byte{2}));
}

TEST(ChunkPoolTest, MemoryThatIsTooSmallIsNotUsed) {
  ChunkPool pool;
  pool.Make(kBytes, Fill(std::byte{1}));
  const grpc::Slice larger = pool.Make(2 * kBytes, Fill(std::byte{2}));
  EXPECT_TRUE(Holds(larger, 2 * kBytes, std::byte{2}));
}

// gRPC may let go of a message after its call has ended.
TEST(ChunkPoolTest, SlicesOutliveThePool) {
  auto pool = std::make_unique<ChunkPool>();
  const grpc::Slice slice = pool->Make(kBytes, Fill(std::byte{1}));
  pool.reset();
  EXPECT_TRUE(Holds(slice, kBytes, std::byte{1}));
}

TEST(ChunkPoolTest, NoBytesAreASliceToo) {
  ChunkPool pool;
  EXPECT_EQ(pool.Make(0, [](std::span<std::byte> out) { EXPECT_TRUE(out.empty()); }).size(), 0u);
}

}  // namespace
}  // namespace kvsift::client
