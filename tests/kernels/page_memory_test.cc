#include "kernels/page_memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "gtest/gtest.h"

namespace kvsift {
namespace {

constexpr int64_t kPiece = int64_t{2} << 20;

// It leaves less address space.
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
constexpr bool kThreadSanitizer = true;
#else
constexpr bool kThreadSanitizer = false;
#endif
#else
constexpr bool kThreadSanitizer = false;
#endif

bool Holds(PageMemory& memory, int64_t offset, int64_t bytes, std::byte value) {
  const std::byte* begin = memory.data() + offset;
  return std::all_of(begin, begin + bytes, [value](std::byte b) { return b == value; });
}

TEST(PageMemoryTest, MemoryIsAlignedAndAsLargeAsAskedFor) {
  const auto memory = ReservePageMemory(12345 * 64);
  ASSERT_TRUE(memory.ok());
  EXPECT_EQ((*memory)->bytes(), 12345 * 64);
  EXPECT_EQ(reinterpret_cast<uintptr_t>((*memory)->data()) % 64, 0u);
  (*memory)->data()[12345 * 64 - 1] = std::byte{1};
}

TEST(PageMemoryTest, MoreAddressSpaceThanMemoryCanBeReserved) {
  constexpr int64_t kBytes = kThreadSanitizer ? int64_t{256} << 30 : int64_t{1} << 40;
  const auto memory = ReservePageMemory(kBytes);
  ASSERT_TRUE(memory.ok()) << memory.status();
  (*memory)->data()[kBytes - 1] = std::byte{1};
}

// Has the system take what it may. False if it cannot be asked.
bool TakeBack(PageMemory& memory) {
#ifdef MADV_PAGEOUT
  return madvise(memory.data(), static_cast<size_t>(memory.bytes()), MADV_PAGEOUT) == 0;
#else
  return false;
#endif
}

TEST(PageMemoryTest, DiscardGivesWholePiecesBackAndNothingBesideThem) {
  const auto memory = ReservePageMemory(8 * kPiece);
  ASSERT_TRUE(memory.ok());
  std::fill_n((*memory)->data(), 8 * kPiece, std::byte{7});
  (*memory)->Discard(kPiece - 64, 3 * kPiece);  // pieces 1 and 2 are whole
  if (!TakeBack(**memory)) GTEST_SKIP() << "this system takes memory when it likes";
  EXPECT_TRUE(Holds(**memory, 0, kPiece, std::byte{7}));
  EXPECT_TRUE(Holds(**memory, kPiece, 2 * kPiece, std::byte{0}));
  EXPECT_TRUE(Holds(**memory, 3 * kPiece, 5 * kPiece, std::byte{7}));
}

TEST(PageMemoryTest, WhatIsWrittenAfterADiscardStays) {
  const auto memory = ReservePageMemory(4 * kPiece);
  ASSERT_TRUE(memory.ok());
  std::fill_n((*memory)->data(), 4 * kPiece, std::byte{7});
  (*memory)->Discard(0, 4 * kPiece);
  std::fill_n((*memory)->data(), 2 * kPiece, std::byte{8});
  TakeBack(**memory);
  EXPECT_TRUE(Holds(**memory, 0, 2 * kPiece, std::byte{8}));
}

TEST(PageMemoryTest, SmallDiscardsAreFree) {
  const auto memory = ReservePageMemory(4 * kPiece);
  ASSERT_TRUE(memory.ok());
  std::fill_n((*memory)->data(), 4 * kPiece, std::byte{7});
  (*memory)->Discard(64, kPiece);
  (*memory)->Discard(2 * kPiece, kPiece - 64);
  EXPECT_TRUE(Holds(**memory, 0, 4 * kPiece, std::byte{7}));
}

TEST(PageMemoryTest, ARangeThatCannotBeHadIsRefused) {
  const auto memory = ReservePageMemory(int64_t{1} << 62);
  EXPECT_EQ(memory.status().code(), absl::StatusCode::kResourceExhausted);
}

}  // namespace
}  // namespace kvsift
