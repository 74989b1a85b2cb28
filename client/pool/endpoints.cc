#include "client/pool/endpoints.h"

#include <arpa/inet.h>
#include <netdb.h>

#include <memory>
#include <set>
#include <string_view>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace kvsift::client {
namespace {

constexpr std::string_view kDns = "dns:///";
constexpr std::string_view kUnix = "unix:";
constexpr int kMaxPort = 65535;

struct Endpoint {
  std::string text;  // without dns:///
  std::string host;  // empty for unix:/path
  std::string port;

  bool is_name() const {
    in6_addr ignored;
    return !host.empty() && inet_pton(AF_INET, host.c_str(), &ignored) != 1 &&
           inet_pton(AF_INET6, host.c_str(), &ignored) != 1;
  }
};

absl::StatusOr<Endpoint> ParseEndpoint(std::string_view part) {
  const std::string given(part);
  if (part.starts_with(kUnix) && part.size() > kUnix.size()) return Endpoint{given, "", ""};
  if (part.starts_with(kDns)) part.remove_prefix(kDns.size());
  const size_t colon = part.rfind(':');
  int port = 0;
  if (colon == std::string_view::npos || colon == 0 || part.find('/') != std::string_view::npos ||
      !absl::SimpleAtoi(std::string(part.substr(colon + 1)), &port) || port < 1 ||
      port > kMaxPort) {
    return absl::InvalidArgumentError(absl::StrCat(
        "target: \"", given, "\", expected host:port, dns:///host:port or unix:/path"));
  }
  std::string_view host = part.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  return Endpoint{std::string(part), std::string(host), std::string(part.substr(colon + 1))};
}

absl::StatusOr<std::vector<Endpoint>> ParseTarget(const std::string& target) {
  std::vector<Endpoint> endpoints;
  for (const auto& part : absl::StrSplit(target, ',')) {
    absl::StatusOr<Endpoint> endpoint = ParseEndpoint(std::string_view(part.data(), part.size()));
    if (!endpoint.ok()) return endpoint.status();
    endpoints.push_back(*std::move(endpoint));
  }
  return endpoints;
}

std::string AddressText(const addrinfo& info, const std::string& port) {
  char text[INET6_ADDRSTRLEN] = {};
  if (info.ai_family == AF_INET) {
    const auto* address = reinterpret_cast<const sockaddr_in*>(info.ai_addr);
    inet_ntop(AF_INET, &address->sin_addr, text, sizeof(text));
    return absl::StrCat(text, ":", port);
  }
  const auto* address = reinterpret_cast<const sockaddr_in6*>(info.ai_addr);
  inet_ntop(AF_INET6, &address->sin6_addr, text, sizeof(text));
  return absl::StrCat("[", text, "]:", port);
}

absl::Status LookUp(const Endpoint& name, std::set<std::string>& addresses) {
  addrinfo hints = {};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* found = nullptr;
  const int error = getaddrinfo(name.host.c_str(), nullptr, &hints, &found);
  // What a headless Service without ready pods answers.
  if (error == EAI_NONAME || error == EAI_NODATA) return absl::OkStatus();
  if (error != 0) {
    return absl::UnavailableError(absl::StrCat(name.text, ": ", gai_strerror(error)));
  }
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(found, freeaddrinfo);
  for (const addrinfo* info = found; info != nullptr; info = info->ai_next) {
    if (info->ai_family != AF_INET && info->ai_family != AF_INET6) continue;
    addresses.insert(AddressText(*info, name.port));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckTarget(const std::string& target) { return ParseTarget(target).status(); }

bool HasNames(const std::string& target) {
  const auto endpoints = ParseTarget(target);
  if (!endpoints.ok()) return false;
  for (const Endpoint& endpoint : *endpoints) {
    if (endpoint.is_name()) return true;
  }
  return false;
}

absl::StatusOr<std::vector<std::string>> ResolveTarget(const std::string& target) {
  const auto endpoints = ParseTarget(target);
  if (!endpoints.ok()) return endpoints.status();
  std::set<std::string> addresses;
  for (const Endpoint& endpoint : *endpoints) {
    if (!endpoint.is_name()) {
      addresses.insert(endpoint.text);
      continue;
    }
    const absl::Status status = LookUp(endpoint, addresses);
    if (!status.ok()) return status;
  }
  return std::vector<std::string>(addresses.begin(), addresses.end());
}

}  // namespace kvsift::client
