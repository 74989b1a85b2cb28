#include "tests/bench/weather/measured_worker.h"

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <thread>

namespace kvsift::weather {
namespace {

constexpr int kQueries = 16;
constexpr std::chrono::microseconds kThinkTime{1000};

void Summarise(std::vector<double> times, Measurement& measurement) {
  if (times.empty()) return;
  std::sort(times.begin(), times.end());
  measurement.p50_us = times[times.size() / 2];
  measurement.p99_us = times[times.size() * 99 / 100];
  measurement.max_us = times.back();
}

}  // namespace

MeasuredWorker::MeasuredWorker(const std::string& address)
    : stub_(Connect(address)), stream_(stub_->StreamSteps(&context_)) {
  for (int i = 0; i < kQueries; ++i) {
    requests_.push_back(MakeStreamStep(i, MakeDecode(i)));
    v1::StreamStepsResponse answer;
    if (!Step(i, answer) || answer.code() != 0) {
      std::cerr << "the first steps failed: " << answer.message() << std::endl;
      std::exit(1);
    }
    expected_.push_back(answer.step().SerializeAsString());
  }
}

MeasuredWorker::~MeasuredWorker() {
  context_.TryCancel();
  (void)stream_->Finish();
}

bool MeasuredWorker::Step(size_t query, v1::StreamStepsResponse& answer) {
  return stream_->Write(requests_[query]) && stream_->Read(&answer);
}

Measurement MeasuredWorker::Run(std::chrono::milliseconds duration) {
  Measurement measurement;
  std::vector<double> times;
  const Clock::time_point until = Clock::now() + duration;
  for (size_t i = 0; Clock::now() < until; ++i) {
    const size_t query = i % requests_.size();
    v1::StreamStepsResponse answer;
    const Clock::time_point start = Clock::now();
    const bool is_answered = Step(query, answer);
    const std::chrono::duration<double, std::micro> took = Clock::now() - start;
    times.push_back(took.count());
    if (is_answered && answer.code() == grpc::StatusCode::UNAVAILABLE) {
      ++measurement.refused;
    } else if (is_answered && answer.id() == query && answer.code() == 0 &&
               answer.step().SerializeAsString() == expected_[query]) {
      ++measurement.steps;
    } else {
      ++measurement.wrong;
    }
    if (!is_answered) break;
    std::this_thread::sleep_for(kThinkTime);
  }
  Summarise(std::move(times), measurement);
  return measurement;
}

}  // namespace kvsift::weather
