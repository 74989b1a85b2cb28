// How much memory, how many servers and how much time a model takes.
//
// The arithmetic is exact for memory and bytes on the wire; times are a straight line through
// measurements: a fixed time for a selection on the device, and its bytes over the bandwidth.
#ifndef KVSIFT_CLIENT_SIZING_SIZING_H_
#define KVSIFT_CLIENT_SIZING_SIZING_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "client/sizing/model_config.h"

namespace kvsift::sizing {

// Times and bandwidths of one NVIDIA H100 80GB HBM3, by kernels/cuda/PERFORMANCE.md: with both
// figures, 8 rows x 32768 keys take 17.2 us (measured 17.3), 8 x 131072 take 29.8 (33.1) and
// 256 x 32768 take 147 (137).
inline constexpr double kMeasuredBandwidth = 2.0e12;  // bytes per second that codes are read with
inline constexpr double kMeasuredDeviceUs = 13;       // of a selection, however short
// Of one step through the service over a unix socket, beyond the device: README.md, "Speed".
inline constexpr double kMeasuredCallUs = 103;
// Of a long append over one connection: README.md, "Speed".
inline constexpr double kMeasuredAppendBandwidth = 3.2e9;

struct Demand {
  ModelConfig model;
  int64_t context = 0;      // positions of a sequence
  int64_t concurrency = 0;  // sequences at once
  int32_t key_bits = 2;
  int32_t dense_layers = 2;  // the first ones, which attend to everything and are not stored
  int32_t k = 256;           // positions of a list; one list for each kv head
};

struct Supply {
  int64_t memory_per_server = int64_t{64} << 30;  // bytes for codes: kvsift-server --memory
  double bandwidth = kMeasuredBandwidth;
  double device_us = kMeasuredDeviceUs;
  double call_us = kMeasuredCallUs;
  double append_bandwidth = kMeasuredAppendBandwidth;
};

struct Sizing {
  int32_t selected_layers = 0;
  int64_t position_bytes = 0;  // codes of one position, all layers
  int64_t sequence_bytes = 0;  // whole pages
  int64_t total_bytes = 0;     // all sequences
  int64_t fp16_key_bytes = 0;  // what the worker keeps in K for as many; and V is as large again
  int64_t servers = 0;
  int64_t fullest = 0;  // sequences of the fullest server, as rendezvous hashing spreads them
  int64_t fullest_bytes = 0;
  // Of a step of all sequences of the fullest server.
  double device_us = 0;  // one layer
  double call_us = 0;    // one layer, as the worker sees it
  double token_us = 0;   // all layers, one after the other
  // Of one token of one sequence, all layers.
  int64_t sent_bytes = 0;
  int64_t received_bytes = 0;
  double move_s = 0;  // until a sequence is appended again
};

// Sequences of the fullest of `servers` when hashing spreads `sequences`: the mean and
// sqrt(2 mean ln servers) more, which simulations come close to (deploy/pool.md).
int64_t FullestServer(int64_t sequences, int64_t servers);

// Errors: INVALID_ARGUMENT, naming the value: fewer layers than dense ones, or one sequence that
// exceeds a server's memory.
absl::StatusOr<Sizing> Size(const Demand& demand, const Supply& supply);

}  // namespace kvsift::sizing

#endif  // KVSIFT_CLIENT_SIZING_SIZING_H_
