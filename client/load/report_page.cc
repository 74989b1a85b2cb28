#include "client/load/report_page.h"

#include <cassert>
#include <string_view>

#include "client/load/report_page_text.h"

namespace kvsift::load {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kPlace = "@RESULT@";

// JSON that an HTML parser cannot leave: in it, "<" begins no tag ("</script>", "<!--") and "&" no
// entity. They occur only inside strings, where the escapes mean the same. All else is ASCII, and
// bytes that are not UTF-8 become U+FFFD.
std::string EmbeddableJson(const Json& result) {
  std::string out;
  for (const char c : result.dump(-1, ' ', true, Json::error_handler_t::replace)) {
    switch (c) {
      case '<':
        out += "\\u003c";
        break;
      case '>':
        out += "\\u003e";
        break;
      case '&':
        out += "\\u0026";
        break;
      default:
        out += c;
    }
  }
  return out;
}

}  // namespace

std::string RenderReport(const Json& result) {
  const size_t place = kReportPageText.find(kPlace);
  assert(place != std::string_view::npos);
  std::string page(kReportPageText.substr(0, place));
  page += EmbeddableJson(result);
  page += kReportPageText.substr(place + kPlace.size());
  return page;
}

}  // namespace kvsift::load
