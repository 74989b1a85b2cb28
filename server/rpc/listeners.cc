#include "server/rpc/listeners.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "grpcpp/security/server_credentials.h"

namespace kvsift {

absl::Status Listeners::Add(const std::string& text, grpc::ServerBuilder& builder) {
  auto address = ParseListenAddress(text);
  if (!address.ok()) return address.status();
  absl::Status is_free = address->is_unix() ? RemoveStaleSocket(address->path) : absl::OkStatus();
  if (!is_free.ok()) return is_free;
  Listener& listener = listeners_.emplace_back(Listener{*std::move(address)});
  builder.AddListeningPort(listener.address.text, grpc::InsecureServerCredentials(),
                           &listener.port);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> Listeners::Addresses() const {
  std::vector<std::string> addresses;
  for (const Listener& listener : listeners_) {
    if (listener.port <= 0) {
      return absl::UnavailableError(absl::StrCat("cannot listen on ", listener.address.text,
                                                 ": in use, not permitted or not an address"));
    }
    addresses.push_back(listener.address.WithPort(listener.port));
  }
  return addresses;
}

}  // namespace kvsift
