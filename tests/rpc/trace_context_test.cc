#include "server/rpc/trace_context.h"

#include <gtest/gtest.h>

#include <string>

namespace kvsift {
namespace {

constexpr char kTrace[] = "4bf92f3577b34da6a3ce929d0e0e4736";
constexpr char kSpan[] = "00f067aa0ba902b7";

std::string Header(const std::string& version, const std::string& trace, const std::string& span,
                   const std::string& flags) {
  return version + "-" + trace + "-" + span + "-" + flags;
}

TEST(ParseTraceparent, ReadsWhatIsValid) {
  for (const std::string& header :
       {Header("00", kTrace, kSpan, "01"), Header("00", kTrace, kSpan, "ff"),
        " \t" + Header("00", kTrace, kSpan, "00") + " ", Header("cc", kTrace, kSpan, "01"),
        Header("cc", kTrace, kSpan, "01") + "-what-comes-later"}) {
    const auto context = ParseTraceparent(header);
    ASSERT_TRUE(context.has_value()) << header;
    EXPECT_EQ(context->trace_id, kTrace);
    EXPECT_EQ(context->span_id, kSpan);
  }
}

TEST(ParseTraceparent, IgnoresWhatIsNot) {
  const std::string valid = Header("00", kTrace, kSpan, "01");
  for (const std::string& header :
       {std::string(), std::string(" "), valid.substr(0, valid.size() - 1), valid + "1",
        valid + "-more", Header("ff", kTrace, kSpan, "01"), Header("0x", kTrace, kSpan, "01"),
        Header("cc", kTrace, kSpan, "01") + ".more",
        Header("00", std::string(32, '0'), kSpan, "01"),
        Header("00", kTrace, std::string(16, '0'), "01"), Header("00", kTrace, kSpan, "0G"),
        Header("00", "4BF92F3577B34DA6A3CE929D0E0E4736", kSpan, "01"),
        Header("00", kTrace, "00F067AA0BA902B7", "01"), Header("00", kSpan, kTrace, "01"),
        std::string(55, '-'), std::string(55, '\0'), "00_" + valid.substr(3)}) {
    EXPECT_FALSE(ParseTraceparent(header).has_value()) << header;
  }
}

}  // namespace
}  // namespace kvsift
