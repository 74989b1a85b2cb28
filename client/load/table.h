// The report of a run for people at a terminal.
#ifndef KVSIFT_CLIENT_LOAD_TABLE_H_
#define KVSIFT_CLIENT_LOAD_TABLE_H_

#include <string>

#include "nlohmann/json.hpp"

namespace kvsift::load {

// Of a document that ReportDocument made.
std::string ReportTable(const nlohmann::ordered_json& document);

}  // namespace kvsift::load

#endif  // KVSIFT_CLIENT_LOAD_TABLE_H_
