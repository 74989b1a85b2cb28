// Stores, sequences and servers as JSON, and sizes as people read them.
#ifndef KVSIFT_CLIENT_CLI_DESCRIBE_H_
#define KVSIFT_CLIENT_CLI_DESCRIBE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "kvsift/store.h"
#include "nlohmann/json.hpp"

namespace kvsift::cli {

// Keeps its members in the order they were added.
using Json = nlohmann::ordered_json;

Json ToJson(const client::Store& store);
Json ToJson(const client::Sequence& sequence);
Json ToJson(const client::ServerInfo& server);

// "none", "time-sliced", "mps", or "unspecified".
std::string_view SharingName(client::DeviceSharing sharing);

// "17.5 MiB".
std::string HumanBytes(int64_t bytes);

// 16 hexadecimal digits: fingerprints and incarnations, which JSON numbers cannot hold.
std::string Hex(uint64_t value);

// "4, 14, 26", or "0-31" for runs of three and more.
std::string LayerList(const std::vector<int32_t>& ids);

}  // namespace kvsift::cli

#endif  // KVSIFT_CLIENT_CLI_DESCRIBE_H_
