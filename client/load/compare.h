// Two results of the load tester side by side: what differs, and whether that is more than noise.
#ifndef KVSIFT_CLIENT_LOAD_COMPARE_H_
#define KVSIFT_CLIENT_LOAD_COMPARE_H_

#include <optional>
#include <string>
#include <vector>

#include "nlohmann/json.hpp"

namespace kvsift::load {

enum class Verdict { kTooLittleData, kWithinNoise, kBetter, kWorse };

// One figure of both runs; absent where a result does not have it.
struct Difference {
  std::string figure;  // "rate", "p50", ..., "errors", "ratio"
  std::optional<double> a;
  std::optional<double> b;
  std::optional<double> change;  // b / a - 1, where a is not 0
  Verdict verdict = Verdict::kTooLittleData;
  std::string judgement;  // "slower by 9.8 % (beyond noise)", "within noise", "too little data"
};

struct Comparison {
  std::vector<Difference> differences;
  std::vector<std::string> warnings;  // what makes the runs hard to compare, or b no better than a
};

// Compares results as `--format json` prints them; `a` is what `b` is measured by. Figures are
// those of the whole runs, in requests per second, microseconds, the share of requests that failed
// and the p50 as a multiple of the echo's. Noise is how the same figure varies from interval to
// interval within each run; a figure that the intervals do not have is "too little data".
Comparison Compare(const nlohmann::ordered_json& a, const nlohmann::ordered_json& b);

}  // namespace kvsift::load

#endif  // KVSIFT_CLIENT_LOAD_COMPARE_H_
