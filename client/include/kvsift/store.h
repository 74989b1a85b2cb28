// Stores, sequences and the server, as values.
#ifndef KVSIFT_CLIENT_INCLUDE_KVSIFT_STORE_H_
#define KVSIFT_CLIENT_INCLUDE_KVSIFT_STORE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "kernels/format/store_format.h"

namespace kvsift::client {

// Immutable configuration of a store: one attention shape of one (model, worker rank).
struct StoreConfig {
  std::string name = {};                // 1 to 128 of [A-Za-z0-9._/-]
  std::vector<int32_t> layer_ids = {};  // ascending, distinct; dense layers are left out
  int32_t kv_heads = 0;
  int32_t query_heads = 0;  // a multiple of kv_heads
  int32_t head_dim = 0;     // 1 to 256
  int32_t key_bits = 2;     // 1 to 3
  // [layer_ids, kv_heads] as Calibrate measures them, or empty: then the store takes codes only.
  std::vector<float> key_scales = {};
  int32_t device = 0;  // index into ServerInfo::devices

  // The shape that codes are made for.
  StoreShape Shape() const;
};

// How far key codes are from what the key scales promise (LevelDeviation of the proto file).
struct LevelDeviation {
  int32_t layer_id = 0;  // the (layer, kv head) that deviates most
  int32_t kv_head = 0;
  float deviation = 0;  // half the sum over levels of |share - expected share|, 0 to 1
  float limit = 0;      // beyond it the store has drifted from its calibration
};

// A store and its state. Calls on a store's sequences take one: it tells the client how large
// vectors are, and its fingerprint is demanded of the server, so that keys never mix with those
// of another configuration of the same name.
struct Store {
  StoreConfig config = {};
  std::vector<float> thresholds =
      {};  // [layer_ids, kv_heads, 2^key_bits - 1]; empty without scales
  uint64_t fingerprint = 0;
  int64_t sequences = 0;
  int64_t resident_bytes = 0;  // pages of its sequences; one shared by forks counts once
  int64_t page_bytes = 0;
  int32_t page_positions = 0;
  // Sampled coordinates of appended keys by level, [layer_ids, kv_heads, 2^key_bits].
  std::vector<int64_t> level_counts = {};
  std::optional<LevelDeviation> level_deviation = {};  // nothing before enough was sampled

  // What turns raw keys into codes here, the same bits as on the server.
  StoreFormat Format() const;

  // Index of a layer in config.layer_ids, or nothing.
  std::optional<int> LayerIndex(int32_t layer_id) const;
};

struct LayerLength {
  int32_t layer_id = 0;
  int64_t length = 0;  // it holds positions 0 .. length - 1
};

struct Sequence {
  uint64_t id = 0;
  uint64_t epoch = 0;                    // new at creation, fork, truncate and a replaced tail
  std::vector<LayerLength> layers = {};  // every layer of the store, ascending by id
  int64_t pages = 0;                     // in its table; those shared with forks included
};

// How a device serves several processes.
enum class DeviceSharing : uint8_t {
  kUnspecified,  // the server does not say
  kNotShared,    // not a GPU
  kTimeSliced,   // in turns: beside another busy process a call waits for its turn
  kMps,          // through NVIDIA's Multi-Process Service, side by side
};

struct Device {
  std::string name = {};         // of the backend
  std::string description = {};  // instruction set, or name and compute capability of the GPU
  int32_t number = 0;            // of the GPU, as the server's --devices names it
  DeviceSharing sharing = DeviceSharing::kUnspecified;
  int64_t budget_bytes = 0;
  int64_t resident_bytes = 0;
  int64_t free_bytes = 0;
  int64_t fragmented_bytes = 0;  // part of free that only stores of one page size can use
};

// Largest values the server accepts.
struct Limits {
  int32_t max_k = 0;
  int64_t max_answer_bytes = 0;
  int64_t max_message_bytes = 0;
  int64_t max_sequence_length = 0;
  int32_t max_stores = 0;
};

struct ServerInfo {
  std::string version = {};
  uint64_t incarnation = 0;  // another value means that all state was lost
  std::string backend = {};
  std::string backend_description = {};
  std::vector<Device> devices = {};  // StoreConfig::device is an index into them
  Limits limits = {};
};

}  // namespace kvsift::client

#endif  // KVSIFT_CLIENT_INCLUDE_KVSIFT_STORE_H_
