#include "client/load/trial.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "absl/time/clock.h"

namespace kvsift::load {
namespace {

constexpr absl::Duration kIntervalLength = absl::Milliseconds(500);
constexpr absl::Duration kPollPeriod = absl::Milliseconds(20);
constexpr double kNsPerS = 1e9;

// What an open loop may take, behind its end, to serve what has arrived.
absl::Duration DrainTime(absl::Duration duration) {
  return std::clamp(duration / 2, absl::Seconds(1), absl::Seconds(5));
}

class TrialRun {
 public:
  TrialRun(RunContext& context, const TrialOptions& options)
      : context_(context),
        options_(options),
        scrape_(context.plan.metrics),
        begin_(context.clock.Now() + absl::ToInt64Nanoseconds(options.ramp + options.warm_up)),
        end_(begin_ + absl::ToInt64Nanoseconds(options.duration)),
        recorder_(context.plan.scenario, begin_, end_) {}

  Trial Run(const std::vector<Worker*>& workers, const std::vector<Worker*>& beside) {
    context_.recorder = &recorder_;
    context_.is_over = false;
    MakePacing();
    ClosedLoop closed_beside(context_.clock, {});
    pacing_->Begin(workers);
    closed_beside.Begin(beside);
    WaitUntil(begin_);
    scrape_.Take();
    Watch();
    if (open_loop_ != nullptr) Drain();
    const int64_t stop = context_.clock.Now();
    pacing_->Stop();
    closed_beside.Stop();
    context_.is_over = true;
    pacing_->WaitIdle();
    closed_beside.WaitIdle();
    return Collect(stop);
  }

 private:
  void MakePacing() {
    const int64_t ramp_ns = absl::ToInt64Nanoseconds(options_.ramp);
    if (options_.rate > 0) {
      const Plan& plan = context_.plan;
      auto loop = std::make_unique<OpenLoop>(
          context_.clock, ArrivalSchedule(options_.rate, plan.arrival, ramp_ns, plan.seed),
          OpenLoop::Window{begin_, end_});
      open_loop_ = loop.get();
      pacing_ = std::move(loop);
    } else {
      pacing_ = std::make_unique<ClosedLoop>(
          context_.clock,
          ClosedLoop::Options{ramp_ns, absl::ToInt64Nanoseconds(context_.plan.think_time)});
    }
  }

  bool Ended() const {
    return !context_.halt.reason().ok() || (options_.interrupted && options_.interrupted());
  }

  void WaitUntil(int64_t time) const {
    for (int64_t left = 1; left > 0 && !Ended();) {
      left = time - context_.clock.Now();
      if (left > 0) absl::SleepFor(std::min(kPollPeriod, absl::Nanoseconds(left)));
    }
  }

  // Follows the measurement, interval by interval.
  void Watch() {
    const int64_t length = absl::ToInt64Nanoseconds(kIntervalLength);
    for (int64_t from = begin_; from < end_ && !Ended();) {
      // A last interval of a few milliseconds would say nothing.
      const int64_t to = end_ - from < length * 3 / 2 ? end_ : from + length;
      WaitUntil(to);
      TrialInterval interval;
      const int64_t now = context_.clock.Now();
      interval.end_s = static_cast<double>(now - begin_) / kNsPerS;
      interval.length_s = static_cast<double>(now - from) / kNsPerS;
      interval.calls = recorder_.TakeInterval();
      interval.server = scrape_.Take();
      if (options_.on_interval) options_.on_interval(interval);
      intervals_.push_back(std::move(interval));
      from = now;
    }
  }

  void Drain() {
    const int64_t last = end_ + absl::ToInt64Nanoseconds(DrainTime(options_.duration));
    while (!open_loop_->Drained() && context_.clock.Now() < last && !Ended()) {
      absl::SleepFor(kPollPeriod);
    }
  }

  Trial Collect(int64_t stop) {
    const int64_t now = context_.clock.Now();
    const Operation main = context_.plan.scenario == Scenario::kPrefill      ? Operation::kAppend
                           : context_.plan.scenario == Scenario::kSelectOnly ? Operation::kSelect
                                                                             : Operation::kStep;
    if (open_loop_ != nullptr) {
      for (const int64_t intended : open_loop_->Unsent()) {
        recorder_.NotSent(main, intended, now);
      }
    }
    Trial trial;
    trial.result = recorder_.Take();
    trial.intervals = std::move(intervals_);
    const int64_t finish = std::max(std::min(stop, end_), trial.result.last_finish);
    trial.duration_s = static_cast<double>(std::max<int64_t>(finish - begin_, 0)) / kNsPerS;
    return trial;
  }

  RunContext& context_;
  const TrialOptions& options_;
  MetricsScrape scrape_;
  const int64_t begin_;
  const int64_t end_;
  Recorder recorder_;
  std::unique_ptr<Pacing> pacing_;
  OpenLoop* open_loop_ = nullptr;  // pacing_, if it is one
  std::vector<TrialInterval> intervals_;
};

}  // namespace

Trial RunTrial(RunContext& context, const std::vector<Worker*>& workers,
               const std::vector<Worker*>& beside, const TrialOptions& options) {
  return TrialRun(context, options).Run(workers, beside);
}

}  // namespace kvsift::load
