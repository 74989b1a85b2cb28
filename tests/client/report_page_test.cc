#include "client/load/report_page.h"

#include <string>
#include <string_view>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace kvsift::load {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;
using Json = nlohmann::ordered_json;

constexpr std::string_view kOpening = "<script type=\"application/json\" id=\"result\">";

// What a browser takes for the data: all up to the first end of a script.
std::string Embedded(const std::string& page) {
  const size_t begin = page.find(kOpening) + kOpening.size();
  return page.substr(begin, page.find("</script", begin) - begin);
}

size_t CountOf(std::string_view text, std::string_view part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++count;
  return count;
}

TEST(ReportPage, HoldsTheResult) {
  const Json result = {{"scenario", "decode"}, {"rate_per_s", 5123.4}, {"errors", Json::object()}};
  const std::string page = RenderReport(result);
  EXPECT_THAT(page, StartsWith("<!doctype html>"));
  EXPECT_EQ(Json::parse(Embedded(page)), result);
}

TEST(ReportPage, HostileStringsStayStrings) {
  const std::string markup = "</script><script>alert(1)</script><!-- ]]> <img src=x> &lt; '\"\\";
  const Json hostile = {{"scenario", markup},
                        {"command", {"kvsift-load", markup, "\u2028\u2029", "@RESULT@ @SCRIPT@"}},
                        {"errors", {{markup, 1}}},
                        {"server", {{"version", markup}}}};
  const std::string page = RenderReport(hostile);
  EXPECT_EQ(Json::parse(Embedded(page)), hostile);
  EXPECT_THAT(Embedded(page), Not(HasSubstr("<")));
  EXPECT_EQ(CountOf(page, "<script"), CountOf(RenderReport(Json::object()), "<script"));
  EXPECT_THAT(page, Not(HasSubstr("<img")));
}

TEST(ReportPage, BytesThatAreNotUtf8AreReplaced) {
  const std::string page = RenderReport({{"scenario",
                                          "a\xff\xfe"
                                          "b"}});
  EXPECT_EQ(Json::parse(Embedded(page))["scenario"], "a\uFFFD\uFFFDb");
}

TEST(ReportPage, AnythingIsRendered) {
  for (const Json& result : {Json(), Json::array(), Json("text"), Json::object()}) {
    EXPECT_EQ(Json::parse(Embedded(RenderReport(result))), result);
  }
}

// One name of a namespace, which is never fetched, is the only address in it.
TEST(ReportPage, LoadsNothing) {
  const std::string page = RenderReport(Json::object());
  EXPECT_EQ(CountOf(page, "://"), 1U);
  EXPECT_THAT(page, HasSubstr("default-src 'none'"));
  for (const char* loading : {"src=", "href=", "url(", "@import", "fetch(", "import "}) {
    EXPECT_THAT(page, Not(HasSubstr(loading)));
  }
}

// Strings of a result must not become markup: the script has no way to make any.
TEST(ReportPage, ScriptMakesNoMarkup) {
  const std::string page = RenderReport(Json::object());
  for (const char* making : {"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write",
                             "DOMParser", "eval(", "Function("}) {
    EXPECT_THAT(page, Not(HasSubstr(making)));
  }
  EXPECT_THAT(page, Not(HasSubstr("@STYLE@")));
  EXPECT_THAT(page, Not(HasSubstr("@SCRIPT@")));
}

}  // namespace
}  // namespace kvsift::load
