// The C++ side of step_overhead.py: the same steps by the same client, without Python.
//
// usage: native_steps ADDRESS STORE SEQUENCE START COUNT
//   appends one key a step from position START on; prints the microseconds of each step, and those
//   that its thread ran
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "kvsift/client.h"

namespace {

absl::Time Soon() { return absl::Now() + absl::Seconds(10); }

double ThreadMicroseconds() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return absl::ToDoubleMicroseconds(absl::DurationFromTimespec(now));
}

// The step of step_overhead.py.
kvsift::client::StepRequest MakeStep(const std::vector<float>& keys,
                                     const std::vector<float>& queries) {
  kvsift::client::StepRequest step;
  step.keys = kvsift::client::Float32Vectors(keys);
  step.queries.vectors = kvsift::client::Float32Vectors(queries);
  step.queries.policies = {{.k = 64}};
  return step;
}

// Makes the steps and prints what each took. Returns false if one failed.
bool Run(kvsift::Client& client, const kvsift::client::Store& store, uint64_t sequence,
         int64_t start, int count) {
  const auto& config = store.config;
  const std::vector<float> keys(config.kv_heads * config.head_dim, 1.0f);
  const std::vector<float> queries(config.query_heads * config.head_dim, 1.0f);
  for (int i = 0; i < count; ++i) {
    const double ran = ThreadMicroseconds();
    const absl::Time begin = absl::Now();
    // Made anew each time, as a worker does and as the Python client must.
    kvsift::client::StepRequest step = MakeStep(keys, queries);
    step.layer_id = config.layer_ids[0];
    step.entries = {{.sequence_id = sequence, .start = start + i}};
    const auto selection = client.Step(store, step, Soon());
    const double us = absl::ToDoubleMicroseconds(absl::Now() - begin);
    if (!selection.ok() || !selection->ok()) return false;
    std::printf("%.2f %.2f\n", us, ThreadMicroseconds() - ran);
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) return EXIT_FAILURE;
  const auto client = kvsift::Client::Connect(argv[1], {}, Soon());
  if (!client.ok()) return EXIT_FAILURE;
  const auto store = (*client)->GetStore(argv[2], Soon());
  if (!store.ok()) return EXIT_FAILURE;
  const bool ok =
      Run(**client, *store, std::stoull(argv[3]), std::stoll(argv[4]), std::stoi(argv[5]));
  return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
