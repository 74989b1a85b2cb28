// An evaluation's report, for machines and for people.
#ifndef KVSIFT_CLIENT_EVALUATE_REPORT_H_
#define KVSIFT_CLIENT_EVALUATE_REPORT_H_

#include <string>

#include "client/evaluate/evaluate.h"
#include "nlohmann/json.hpp"

namespace kvsift::evaluate {

// Name of a measurement: "manhattan@64", or "manhattan@64/group_max" where heads share lists.
std::string OutcomeName(const Policy& policy);

// {"layers": {"14": {"manhattan@64": {"recall": .., "mass": .., "positions_per_row": ..,
// "us_per_call": .., "us_per_row": ..}, "exact@64": {"recall": 1, "mass": ..}}},
// "bytes_per_key": {"stored": .., "fp16": ..}, "tokens": .., "query_positions": ..}
nlohmann::ordered_json ReportJson(const Report& report);

// A table with what its columns mean.
std::string ReportTable(const Report& report);

}  // namespace kvsift::evaluate

#endif  // KVSIFT_CLIENT_EVALUATE_REPORT_H_
