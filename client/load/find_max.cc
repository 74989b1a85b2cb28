#include "client/load/find_max.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"

namespace kvsift::load {
namespace {

constexpr double kResolution = 0.05;
constexpr double kLowest = 0.02;  // of the capacity: below that there is nothing to find
constexpr int kConfirmations = 3;
constexpr int kMostDoublings = 3;

// An open loop that serves less than this share of what arrives is falling behind.
constexpr double kServedShare = 0.97;

class Search {
 public:
  Search(double capacity, const RunRate& run) : capacity_(capacity), run_(run) {}

  MaxRate Find() {
    Bisect();
    Confirm();
    return std::move(found_);
  }

 private:
  // True if the rate keeps the objective; also notes it. False ends everything once stopped_.
  bool Keeps(double rate) {
    const std::optional<RateTrial> trial = run_(rate);
    if (!trial) {
      stopped_ = true;
      return false;
    }
    found_.trials.push_back(*trial);
    if (!trial->kept) {
      found_.fails_at = found_.fails_at > 0 ? std::min(found_.fails_at, rate) : rate;
    }
    return trial->kept;
  }

  void Bisect() {
    double low = 0;
    double high = capacity_;
    // The closed loop's rate is a guess: more callers may meet in larger batches.
    for (int i = 0; i < kMostDoublings && !stopped_ && Keeps(high); ++i) {
      low = high;
      high *= 2;
    }
    while (!stopped_ && high - low > kResolution * high && high > kLowest * capacity_) {
      const double middle = (low + high) / 2;
      (Keeps(middle) ? low : high) = middle;
    }
    found_.rate = low;
  }

  void Confirm() {
    while (!stopped_ && found_.rate > 0) {
      found_.confirmations = 0;
      found_.kept = 0;
      while (found_.confirmations == found_.kept && found_.kept < kConfirmations && !stopped_) {
        const bool kept = Keeps(found_.rate);
        if (stopped_) return;
        ++found_.confirmations;
        found_.kept += kept ? 1 : 0;
      }
      if (found_.kept == kConfirmations) return;
      found_.rate *= 1 - kResolution;
      if (found_.rate < kLowest * capacity_) found_.rate = 0;
    }
  }

  const double capacity_;
  const RunRate& run_;
  bool stopped_ = false;
  MaxRate found_;
};

}  // namespace

std::string Objective::Text() const {
  return absl::StrCat(quantile, "=", absl::FormatDuration(absl::Nanoseconds(limit_ns)));
}

absl::StatusOr<Objective> ParseObjective(const std::string& text) {
  const size_t equals = text.find('=');
  Objective objective;
  absl::Duration limit;
  objective.quantile = text.substr(0, equals);
  const std::pair<const char*, double> known[] = {
      {"p50", .5}, {"p90", .9}, {"p99", .99}, {"p999", .999}};
  const auto* found = std::find_if(std::begin(known), std::end(known), [&](const auto& entry) {
    return objective.quantile == entry.first;
  });
  if (found == std::end(known) || equals == std::string::npos ||
      !absl::ParseDuration(text.substr(equals + 1), &limit) || limit <= absl::ZeroDuration()) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", text, "\", expected p50, p90, p99 or p999, and a limit: p99=5ms"));
  }
  objective.share = found->second;
  objective.limit_ns = absl::ToInt64Nanoseconds(limit);
  return objective;
}

MaxRate FindMaxRate(double capacity, const RunRate& run) { return Search(capacity, run).Find(); }

RateTrial Judge(const Objective& objective, double rate, const Trial& trial) {
  RateTrial judged;
  judged.rate = rate;
  judged.achieved = trial.Rate();
  judged.latency_ns = trial.result.latency.Quantile(objective.share);
  judged.kept = trial.result.requests > 0 && trial.result.errors.empty() &&
                judged.latency_ns <= objective.limit_ns;
  // Poisson arrivals of a short trial are themselves a few more or less than the rate says.
  double served = 0;
  for (const TrialInterval& interval : trial.intervals) {
    served += static_cast<double>(interval.calls.latency.Count());
  }
  judged.kept &= served >= kServedShare * static_cast<double>(trial.result.requests);
  return judged;
}

std::string MaxRateText(const Objective& objective, const MaxRate& found) {
  if (found.rate <= 0) {
    return absl::StrFormat("no rate that was tried keeps %s, the lowest being %.0f/s",
                           objective.Text(), found.fails_at);
  }
  std::string text = absl::StrFormat("%.0f/s keeps %s: in %d of %d repeated trials", found.rate,
                                     objective.Text(), found.kept, found.confirmations);
  if (found.fails_at > 0) absl::StrAppendFormat(&text, "; %.0f/s did not", found.fails_at);
  return text;
}

}  // namespace kvsift::load
