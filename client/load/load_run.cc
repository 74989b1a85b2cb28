#include "client/load/load_run.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "client/cli/progress.h"
#include "client/load/echo.h"
#include "client/load/session.h"

namespace kvsift::load {
namespace {

// Keys of one message of an append, as client::Options has it.
const int64_t kChunkBytes = client::Options().append_chunk_bytes;

absl::Duration FloorTime(absl::Duration duration) {
  return std::clamp(duration / 16, absl::Milliseconds(100), absl::Milliseconds(500));
}

class LoadRun {
 public:
  explicit LoadRun(const RunOptions& options)
      : options_(options), plan_(options.plan), terminal_(::isatty(STDERR_FILENO) == 1) {}

  RunOutcome Do() {
    report_.command = options_.command;
    report_.plan = plan_;
    auto session = Session::Start(plan_);
    if (!session.ok()) {
      const bool is_usage = absl::IsInvalidArgument(session.status());
      return Failed(is_usage ? kExitUsage : kExitNotDone, session.status());
    }
    session_ = *std::move(session);
    const absl::Status prepared = session_->Prepare();
    if (!prepared.ok()) return Failed(kExitNotDone, prepared);
    MeasureFloors();
    report_.started = absl::Now();
    options_.objective ? FindMax() : Measure();
    if (!Interrupted() && session_->halt().reason().ok()) {
      MeasureFloors();
      VerifyRest();
    }
    const absl::Status ended = session_->End();
    if (!ended.ok()) std::fprintf(stderr, "kvsift-load: %s\n", StatusText(ended).c_str());
    return Conclude();
  }

 private:
  bool Interrupted() const { return options_.interrupted && options_.interrupted(); }

  static RunOutcome Failed(int exit_code, const absl::Status& status) {
    return {exit_code, StatusText(status), nullptr};
  }

  // The floors as they are now; those of before and after are put together.
  void MeasureFloors() {
    if (!plan_.echo || plan_.is_pool() || Interrupted()) return;
    const absl::Duration time = FloorTime(plan_.duration);
    Floors floors;
    absl::StatusOr<Floor> echo = plan_.scenario == Scenario::kPrefill ? Discard(time) : Echo(time);
    if (echo.ok()) {
      floors.echo = *std::move(echo);
    } else if (!std::exchange(said_no_echo_, true)) {
      std::fprintf(stderr, "kvsift-load: no echo to compare with: %s\n",
                   StatusText(echo.status()).c_str());
    }
    if (options_.socket != nullptr && plan_.scenario != Scenario::kPrefill) {
      absl::StatusOr<Floor> socket = options_.socket->Measure(session_->sizes(), time);
      if (socket.ok()) floors.socket = *std::move(socket);
    }
    report_.floors.Merge(floors);
  }

  absl::StatusOr<Floor> Echo(absl::Duration time) const {
    // Below saturation an open loop's calls mostly meet an idle server.
    const int outstanding = plan_.rate > 0 || options_.objective ? 1 : plan_.lanes();
    return MeasureEcho(
        {plan_.server, plan_.channels, outstanding, session_->sizes(), plan_.busy_poll, time});
  }

  absl::StatusOr<Floor> Discard(absl::Duration time) const {
    return MeasureDiscard({plan_.server, plan_.channels, plan_.lanes(),
                           plan_.context * plan_.shape.layers * session_->key_bytes(), kChunkBytes,
                           time});
  }

  Trial Run(double rate, absl::Duration ramp, absl::Duration duration) {
    Trial trial = session_->Measure({.rate = rate,
                                     .ramp = ramp,
                                     .warm_up = plan_.warm_up,
                                     .duration = duration,
                                     .on_interval = [this](const auto& it) { ShowInterval(it); },
                                     .interrupted = options_.interrupted});
    if (terminal_) std::fputs("\r\033[K", stderr);
    return trial;
  }

  void Measure() { report_.trial = Run(plan_.rate, plan_.ramp, plan_.duration); }

  void FindMax() {
    const Trial closed = Run(0, absl::ZeroDuration(), plan_.duration);
    const RunRate run = [this](double rate) -> std::optional<RateTrial> {
      Trial trial = Run(rate, absl::ZeroDuration(), plan_.duration);
      if (Interrupted() || !session_->halt().reason().ok()) return std::nullopt;
      const RateTrial judged = Judge(*options_.objective, rate, trial);
      std::fprintf(stderr, "%8.0f/s: %s %s ms, %s\n", rate, options_.objective->quantile.c_str(),
                   absl::StrFormat("%.2f", static_cast<double>(judged.latency_ns) * 1e-6).c_str(),
                   judged.kept ? "kept" : "not kept");
      // The report is that of the last trial which kept the objective.
      if (judged.kept || report_.trial.result.requests == 0) {
        report_.trial = std::move(trial);
        report_.plan.rate = rate;
      }
      return judged;
    };
    found_ = FindMaxRate(closed.Rate(), run);
  }

  void ShowInterval(const TrialInterval& interval) const {
    if (!terminal_) return;
    const LatencyHistogram& latency = interval.calls.latency;
    std::fprintf(stderr,
                 "\r\033[K%6.1f s  %8.0f/s  p50 %7.0f us  p99 %7.0f us  %lld errors  %lld verified",
                 interval.end_s, static_cast<double>(latency.Count()) / interval.length_s,
                 static_cast<double>(latency.Quantile(0.5)) * 1e-3,
                 static_cast<double>(latency.Quantile(0.99)) * 1e-3,
                 static_cast<long long>(interval.calls.errors),
                 static_cast<long long>(session_->verifier().verified()));
    std::fflush(stderr);
  }

  void VerifyRest() {
    cli::Progress progress;
    session_->FinishVerification([&](int64_t left) {
      const auto done = static_cast<double>(session_->verifier().verified());
      progress.Show(absl::StrCat("verifying the last ", left, " answers"),
                    done / (done + static_cast<double>(left)));
      if (Interrupted()) session_->halt().Because(absl::CancelledError("interrupted"));
    });
  }

  RunOutcome Conclude() {
    report_.verified = session_->verifier().verified();
    report_.differences = session_->verifier().differences();
    report_.server = session_->server();
    report_.members = session_->members();
    report_.pool = session_->pool_counts();
    const absl::Status reason = session_->halt().reason();
    RunOutcome outcome;
    outcome.document = ReportDocument(report_);
    if (found_) outcome.document["find_max"] = FindMaxJson();
    if (report_.differences > 0) {
      outcome.exit_code = kExitDifference;
      outcome.message = std::string(reason.message());
    } else if (!reason.ok() && !absl::IsCancelled(reason)) {
      return Failed(kExitNotDone, reason);
    } else if (Interrupted()) {
      outcome.exit_code = kExitNotDone;
      outcome.message = "interrupted";
    } else if (report_.trial.result.requests == 0) {
      outcome.exit_code = kExitNotDone;
      outcome.message = "no call was answered";
    }
    return outcome;
  }

  Json FindMaxJson() const {
    Json trials = Json::array();
    for (const RateTrial& trial : found_->trials) {
      trials.push_back({{"rate_per_s", trial.rate},
                        {"achieved_per_s", trial.achieved},
                        {"latency_us", static_cast<double>(trial.latency_ns) * 1e-3},
                        {"kept", trial.kept}});
    }
    return {{"objective", options_.objective->Text()},
            {"rate_per_s", found_->rate},
            {"fails_at_per_s", found_->fails_at},
            {"confirmations", found_->confirmations},
            {"kept", found_->kept},
            {"text", MaxRateText(*options_.objective, *found_)},
            {"trials", trials}};
  }

  const RunOptions& options_;
  const Plan& plan_;
  const bool terminal_;
  bool said_no_echo_ = false;
  std::unique_ptr<Session> session_;
  std::optional<MaxRate> found_;
  RunReport report_;
};

}  // namespace

std::string StatusText(const absl::Status& status) {
  return absl::StrCat(absl::StatusCodeToString(status.code()), ": ", status.message());
}

RunOutcome Run(const RunOptions& options) { return LoadRun(options).Do(); }

}  // namespace kvsift::load
