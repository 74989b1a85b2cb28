// What the same bytes cost without kvsift: floors that a run is compared with.
#ifndef KVSIFT_CLIENT_LOAD_FLOORS_H_
#define KVSIFT_CLIENT_LOAD_FLOORS_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "client/load/latency_histogram.h"

namespace kvsift::load {

// Calls one after the other, or so many at once.
struct Floor {
  LatencyHistogram latency;
  double elapsed_s = 0;
  std::vector<int64_t> p50s = {};  // of each measurement that was merged, in ns: drift shows here

  double Rate() const {
    return elapsed_s > 0 ? static_cast<double>(latency.Count()) / elapsed_s : 0;
  }

  void Merge(const Floor& other) {
    latency.Merge(other.latency);
    elapsed_s += other.elapsed_s;
    p50s.insert(p50s.end(), other.p50s.begin(), other.p50s.end());
  }
};

// Measured before and after a run.
struct Floors {
  std::optional<Floor> echo;    // over gRPC: as many streams and calls at once as the run
  std::optional<Floor> socket;  // over a bare unix socket, one call at a time

  void Merge(const Floors& other) {
    if (other.echo) echo ? echo->Merge(*other.echo) : (void)(echo = other.echo);
    if (other.socket) socket ? socket->Merge(*other.socket) : (void)(socket = other.socket);
  }
};

}  // namespace kvsift::load

#endif  // KVSIFT_CLIENT_LOAD_FLOORS_H_
