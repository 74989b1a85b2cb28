#include "client/load/metrics_scrape.h"

#include <netdb.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmath>
#include <limits>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"

namespace kvsift::load {
namespace {

constexpr absl::Duration kTimeout = absl::Milliseconds(250);
constexpr double kUsPerS = 1e6;

// A connected socket, or -1.
int ConnectTo(const std::string& host, const std::string& port, absl::Duration timeout) {
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(host.c_str(), port.c_str(), &hints, &found) != 0) return -1;
  const absl::Cleanup free_found = [found] { ::freeaddrinfo(found); };
  for (const addrinfo* to = found; to != nullptr; to = to->ai_next) {
    const int socket = ::socket(to->ai_family, to->ai_socktype | SOCK_CLOEXEC, to->ai_protocol);
    if (socket < 0) continue;
    const timeval limit = absl::ToTimeval(timeout);
    ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    ::setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    if (::connect(socket, to->ai_addr, to->ai_addrlen) == 0) return socket;
    ::close(socket);
  }
  return -1;
}

std::string Receive(int socket) {
  std::string text;
  char buffer[16384];
  for (ssize_t size = 0; (size = ::recv(socket, buffer, sizeof(buffer), 0)) > 0;) {
    text.append(buffer, static_cast<size_t>(size));
    // A server that keeps the connection says how long the body is.
    const size_t body = text.find("\r\n\r\n");
    const size_t length = text.find("Content-Length: ");
    if (body == std::string::npos || length > body) continue;
    if (text.size() >= body + 4 + std::strtoul(text.c_str() + length + 16, nullptr, 10)) break;
  }
  return text;
}

double UpperBound(absl::string_view labels) {
  const size_t at = labels.find("le=\"");
  if (at == absl::string_view::npos) return std::numeric_limits<double>::infinity();
  const absl::string_view text = labels.substr(at + 4, labels.find('"', at + 4) - at - 4);
  double bound = 0;
  if (text == "+Inf" || !absl::SimpleAtod(text, &bound)) {
    return std::numeric_limits<double>::infinity();
  }
  return bound;
}

}  // namespace

ScrapedHistogram ScrapedHistogram::operator-(const ScrapedHistogram& before) const {
  // A server that was restarted counts from 0 again.
  if (before.count > count) return *this;
  ScrapedHistogram difference = *this;
  for (auto& [bound, value] : difference.buckets) {
    const auto found = before.buckets.find(bound);
    if (found != before.buckets.end()) value -= found->second;
  }
  difference.sum -= before.sum;
  difference.count -= before.count;
  return difference;
}

double ScrapedHistogram::Quantile(double share) const {
  const double wanted = share * count;
  double below = 0;
  double lower = 0;
  for (const auto& [bound, value] : buckets) {
    if (value >= wanted && value > below) {
      if (std::isinf(bound)) return lower;
      return lower + (bound - lower) * (wanted - below) / (value - below);
    }
    below = value;
    if (!std::isinf(bound)) lower = bound;
  }
  return lower;
}

ScrapedHistogram FindHistogram(const std::string& text, const std::string& name,
                               const std::string& label) {
  ScrapedHistogram histogram;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    if (!absl::StartsWith(line, name)) continue;
    const size_t space = line.rfind(' ');
    double value = 0;
    if (space == absl::string_view::npos || !absl::SimpleAtod(line.substr(space + 1), &value)) {
      continue;
    }
    const absl::string_view series = line.substr(name.size(), space - name.size());
    if (!label.empty() && !absl::StrContains(series, label)) continue;
    if (absl::StartsWith(series, "_bucket")) histogram.buckets[UpperBound(series)] += value;
    if (absl::StartsWith(series, "_sum")) histogram.sum += value;
    if (absl::StartsWith(series, "_count")) histogram.count += value;
  }
  return histogram;
}

absl::StatusOr<std::string> FetchMetrics(const std::string& address, absl::Duration timeout) {
  const size_t colon = address.rfind(':');
  const int socket = colon == std::string::npos
                         ? -1
                         : ConnectTo(address.substr(0, colon), address.substr(colon + 1), timeout);
  if (socket < 0) return absl::UnavailableError(absl::StrCat(address, ": cannot be reached"));
  const absl::Cleanup close_socket = [socket] { ::close(socket); };
  const std::string request =
      absl::StrCat("GET /metrics HTTP/1.1\r\nHost: ", address, "\r\nConnection: close\r\n\r\n");
  ::send(socket, request.data(), request.size(), MSG_NOSIGNAL);
  const std::string answer = Receive(socket);
  const size_t body = answer.find("\r\n\r\n");
  if (!absl::StartsWith(answer, "HTTP/1.1 200") || body == std::string::npos) {
    return absl::UnavailableError(absl::StrCat(address, ": no metrics there"));
  }
  return answer.substr(body + 4);
}

std::optional<BatchMetrics> MetricsScrape::Take() {
  if (address_.empty()) return std::nullopt;
  const absl::StatusOr<std::string> text = FetchMetrics(address_, kTimeout);
  if (!text.ok()) return std::nullopt;
  Reading now = {absl::Now(), FindHistogram(*text, "kvsift_batch_works", ""),
                 FindHistogram(*text, "kvsift_batch_rows", ""),
                 FindHistogram(*text, "kvsift_stage_duration_seconds", "stage=\"queue\""),
                 FindHistogram(*text, "kvsift_stage_duration_seconds", "stage=\"device\"")};
  std::optional<BatchMetrics> metrics;
  if (last_.has_value()) {
    const ScrapedHistogram works = now.works - last_->works;
    const ScrapedHistogram queue = now.queue - last_->queue;
    metrics = {.works = works.Mean(),
               .rows = (now.rows - last_->rows).Mean(),
               .batches_per_s = works.count / absl::ToDoubleSeconds(now.time - last_->time),
               .queue_p50_us = queue.Quantile(0.5) * kUsPerS,
               .queue_p99_us = queue.Quantile(0.99) * kUsPerS,
               .device_p50_us = (now.device - last_->device).Quantile(0.5) * kUsPerS};
  }
  last_ = std::move(now);
  return metrics;
}

}  // namespace kvsift::load
