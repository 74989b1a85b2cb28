// A load test's result as a page for people.
#ifndef KVSIFT_CLIENT_LOAD_REPORT_PAGE_H_
#define KVSIFT_CLIENT_LOAD_REPORT_PAGE_H_

#include <string>

#include "nlohmann/json.hpp"

namespace kvsift::load {

// One HTML file that needs no other and no network: the result, and a script that draws it. Any
// field of the result may be absent. Strings in it may come from anybody: none becomes markup.
std::string RenderReport(const nlohmann::ordered_json& result);

}  // namespace kvsift::load

#endif  // KVSIFT_CLIENT_LOAD_REPORT_PAGE_H_
