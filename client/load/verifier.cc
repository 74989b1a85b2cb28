#include "client/load/verifier.h"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "client/load/random.h"

namespace kvsift::load {
namespace {

// Answers that wait to be recomputed; of more only a hash is kept.
constexpr int64_t kMostKeptBytes = int64_t{256} << 20;

constexpr absl::Duration kProgressPeriod = absl::Milliseconds(200);

int64_t BytesOf(const Rows& rows) {
  return static_cast<int64_t>((rows.counts.size() + rows.positions.size()) * sizeof(int32_t));
}

uint64_t HashOf(const Rows& rows) {
  uint64_t hash = static_cast<uint64_t>(rows.width);
  for (const auto* list : {&rows.counts, &rows.positions}) {
    for (const int32_t value : *list) hash = Mix(hash ^ static_cast<uint32_t>(value));
  }
  return hash;
}

}  // namespace

Verifier::Verifier(const Plan& plan, const client::StoreConfig& config, const VectorPool& pool,
                   Halt& halt, std::string dump_path)
    : plan_(plan), config_(config), pool_(pool), halt_(halt), dump_path_(std::move(dump_path)) {
  if (plan.verify <= 0) return;
  StartThread();
  const sched_param lowest = {};
  // Refused, it only competes with what it checks.
  ::pthread_setschedparam(threads_.front().native_handle(), SCHED_IDLE, &lowest);
}

Verifier::~Verifier() {
  {
    absl::MutexLock lock(&mutex_);
    ends_ = true;
    samples_.clear();
  }
  for (std::thread& thread : threads_) thread.join();
}

void Verifier::StartThread() {
  threads_.emplace_back([this] { Run(); });
}

bool Verifier::Wants(uint64_t sequence_id, int layer, uint64_t call) const {
  if (plan_.verify <= 0) return false;
  const uint64_t dice = Mix(plan_.seed, sequence_id, layer, call);
  return static_cast<double>(dice >> 11) * 0x1p-53 < plan_.verify;
}

void Verifier::Add(Sample sample) {
  const int64_t bytes = BytesOf(sample.got);
  absl::MutexLock lock(&mutex_);
  if (kept_bytes_ + bytes > kMostKeptBytes) {
    sample.got_hash = HashOf(sample.got);
    sample.got = {};
  } else {
    kept_bytes_ += bytes;
  }
  ++unfinished_;
  samples_.push_back(std::move(sample));
}

void Verifier::AddWrong(const Sample& sample, const std::string& what) {
  WrongAnswer wrong = Describe(sample);
  const auto reference = ReferenceAnswer::Make(config_, plan_.policy, sample.visible);
  if (reference.ok()) {
    auto expected = (*reference)->Of(wrong.AsQuestion());
    if (expected.ok()) wrong.expected = *std::move(expected);
  }
  wrong.what = what;
  Report(wrong);
}

std::optional<Sample> Verifier::Next() {
  absl::MutexLock lock(&mutex_);
  mutex_.Await(absl::Condition(this, &Verifier::HasNews));
  if (samples_.empty()) return std::nullopt;
  Sample sample = std::move(samples_.front());
  samples_.pop_front();
  kept_bytes_ -= BytesOf(sample.got);
  return sample;
}

void Verifier::Run() {
  auto reference = ReferenceAnswer::Make(config_, plan_.policy, plan_.longest());
  if (!reference.ok()) return halt_.Because(reference.status());
  while (const std::optional<Sample> sample = Next()) {
    if (halt_.reason().ok()) Check(**reference, *sample);
    absl::MutexLock lock(&mutex_);
    --unfinished_;
  }
}

void Verifier::Check(ReferenceAnswer& reference, const Sample& sample) {
  WrongAnswer wrong = Describe(sample);
  absl::StatusOr<Rows> expected = reference.Of(wrong.AsQuestion());
  if (!expected.ok()) return halt_.Because(expected.status());
  ++verified_;
  wrong.expected = *std::move(expected);
  if (sample.got_hash) {
    if (*sample.got_hash == HashOf(wrong.expected)) return;
    wrong.what = "another answer; only its hash was kept";
  } else {
    wrong.what = FirstDifference(wrong.expected, sample.got);
    if (wrong.what.empty()) return;
  }
  Report(wrong);
}

WrongAnswer Verifier::Describe(const Sample& sample) const {
  WrongAnswer wrong;
  wrong.config = config_;
  wrong.policy = plan_.policy;
  wrong.seed = plan_.seed;
  wrong.sequence_id = sample.sequence_id;
  wrong.layer = sample.layer;
  wrong.visible = sample.visible;
  wrong.type = pool_.type();
  wrong.keys.reserve(sample.visible * pool_.key_bytes());
  sample.content.CopyKeys(pool_, sample.layer, 0, sample.visible, wrong.keys);
  pool_.CopyQuery(sample.layer, sample.query, wrong.query, wrong.query_scales);
  wrong.got = sample.got;
  return wrong;
}

void Verifier::Report(const WrongAnswer& wrong) {
  ++differences_;
  const std::string what = absl::StrCat("sequence ", wrong.sequence_id, ", layer ",
                                        config_.layer_ids[wrong.layer], ": ", wrong.what);
  absl::MutexLock lock(&mutex_);
  if (!halt_.reason().ok()) return;
  const absl::Status written = WriteWrongAnswer(dump_path_, wrong);
  halt_.Because(absl::DataLossError(absl::StrCat(
      "wrong answer: ", what, "; ",
      written.ok() ? absl::StrCat("written to ", dump_path_) : std::string(written.message()))));
}

void Verifier::Finish(const std::function<void(int64_t left)>& progress) {
  if (threads_.empty()) return;
  {
    absl::MutexLock lock(&mutex_);
    ends_ = true;
    if (unfinished_ == 0) return;
  }
  const unsigned processors = std::max(1u, std::thread::hardware_concurrency());
  for (unsigned i = 0; i < processors; ++i) StartThread();
  for (;;) {
    int64_t left = 0;
    {
      absl::MutexLock lock(&mutex_);
      const auto is_done = [this]()
                               ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return unfinished_ == 0; };
      mutex_.AwaitWithTimeout(absl::Condition(&is_done), kProgressPeriod);
      left = unfinished_;
    }
    if (left == 0) return;
    progress(left);
  }
}

}  // namespace kvsift::load
