// The page of a report, without a result: page/, joined by page/embed.cmake.
#ifndef KVSIFT_CLIENT_LOAD_REPORT_PAGE_TEXT_H_
#define KVSIFT_CLIENT_LOAD_REPORT_PAGE_TEXT_H_

#include <string_view>

namespace kvsift::load {

// HTML with its style and script, and one "@RESULT@" where the result's JSON belongs.
extern const std::string_view kReportPageText;

}  // namespace kvsift::load

#endif  // KVSIFT_CLIENT_LOAD_REPORT_PAGE_TEXT_H_
