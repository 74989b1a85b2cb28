#include "server/rpc/caller.h"

#include <functional>
#include <string>
#include <string_view>

namespace kvsift {

uint64_t ClientOf(const grpc::ServerContext& context) {
  std::string name = context.peer();
  const auto& metadata = context.client_metadata();
  const auto agent = metadata.find("user-agent");
  if (agent != metadata.end()) name.append(agent->second.data(), agent->second.size());
  return std::hash<std::string_view>()(name);
}

std::chrono::steady_clock::time_point DeadlineOf(const grpc::ServerContext& context) {
  using std::chrono::steady_clock;
  using std::chrono::system_clock;
  const system_clock::time_point deadline = context.deadline();
  // Deadlines of a century are none, and their sum below would overflow.
  const system_clock::duration left = deadline - system_clock::now();
  if (left > std::chrono::hours(24 * 365 * 100)) return steady_clock::time_point::max();
  return steady_clock::now() + std::chrono::duration_cast<steady_clock::duration>(left);
}

}  // namespace kvsift
