#include "tests/bench/weather/raw_connection.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

namespace kvsift::weather {
namespace {

// RFC 9113, section 6.
constexpr uint8_t kData = 0;
constexpr uint8_t kHeaders = 1;
constexpr uint8_t kReset = 3;
constexpr uint8_t kSettings = 4;
constexpr uint8_t kPing = 6;
constexpr uint8_t kWindowUpdate = 8;
constexpr uint8_t kAck = 1;
constexpr uint8_t kEndStream = 1;
constexpr uint8_t kEndHeaders = 4;
constexpr uint16_t kInitialWindowSize = 4;
constexpr size_t kHeadBytes = 9;
constexpr size_t kFrameBytes = 16384;
constexpr timeval kPatience = {.tv_sec = 0, .tv_usec = 100'000};

std::string BigEndian(uint32_t value, int bytes) {
  std::string text;
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) {
    text.push_back(static_cast<char>(value >> shift));
  }
  return text;
}

uint32_t ReadBigEndian(const char* bytes, int count) {
  uint32_t value = 0;
  for (int i = 0; i < count; ++i) value = value << 8 | static_cast<uint8_t>(bytes[i]);
  return value;
}

// A header that no table remembers, RFC 7541, section 6.2.2. REQUIRES: both below 127 bytes.
std::string Header(std::string_view name, std::string_view value) {
  std::string text(1, '\0');
  for (const std::string_view part : {name, value}) {
    text.push_back(static_cast<char>(part.size()));
    text.append(part);
  }
  return text;
}

}  // namespace

RawConnection::RawConnection(const std::string& address, bool hello) {
  const size_t colon = address.rfind(':');
  sockaddr_in to = {};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<uint16_t>(std::atoi(address.c_str() + colon + 1)));
  socket_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &kPatience, sizeof(kPatience));
  setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof(kPatience));
  if (inet_pton(AF_INET, address.substr(0, colon).c_str(), &to.sin_addr) != 1 ||
      connect(socket_, reinterpret_cast<const sockaddr*>(&to), sizeof(to)) != 0) {
    Fail();
  }
  if (!hello) return;
  Send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  SendFrame(kSettings, 0, 0, "");
}

RawConnection::~RawConnection() { Fail(); }

void RawConnection::Fail() {
  if (socket_ < 0) return;
  const linger at_once = {.l_onoff = 1, .l_linger = 0};
  setsockopt(socket_, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
  close(socket_);
  socket_ = -1;
}

void RawConnection::Send(std::string_view bytes) {
  while (ok() && !bytes.empty()) {
    const ssize_t sent = send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return Fail();
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
}

void RawConnection::SendFrame(uint8_t type, uint8_t flags, uint32_t stream,
                              std::string_view payload) {
  std::string frame = BigEndian(static_cast<uint32_t>(payload.size()), 3);
  frame.push_back(static_cast<char>(type));
  frame.push_back(static_cast<char>(flags));
  frame += BigEndian(stream, 4);
  frame.append(payload);
  Send(frame);
}

uint32_t RawConnection::Call(std::string_view method, std::string_view timeout) {
  const uint32_t stream = next_stream_;
  next_stream_ += 2;
  windows_[stream] = initial_window_;
  const std::string path = "/kvsift.v1.SelectionService/" + std::string(method);
  // POST and http are in the static table.
  std::string headers = "\x83\x86" + Header(":path", path) + Header(":authority", "kvsift") +
                        Header("content-type", "application/grpc") + Header("te", "trailers") +
                        Header("user-agent", "weather");
  if (!timeout.empty()) headers += Header("grpc-timeout", timeout);
  SendFrame(kHeaders, kEndHeaders, stream, headers);
  return stream;
}

void RawConnection::Begin(uint32_t stream, std::string_view bytes, size_t size) {
  std::string text(1, '\0');  // not compressed
  text += BigEndian(static_cast<uint32_t>(size), 4);
  text.append(bytes);
  window_ -= static_cast<int64_t>(text.size());
  windows_[stream] -= static_cast<int64_t>(text.size());
  for (size_t at = 0; at < text.size(); at += kFrameBytes) {
    SendFrame(kData, 0, stream, std::string_view(text).substr(at, kFrameBytes));
  }
}

void RawConnection::HalfClose(uint32_t stream) { SendFrame(kData, kEndStream, stream, ""); }

void RawConnection::Cancel(uint32_t stream) {
  constexpr uint32_t kCancelled = 8;
  SendFrame(kReset, 0, stream, BigEndian(kCancelled, 4));
}

size_t RawConnection::SendZeros(uint32_t stream, size_t count) {
  const std::string zeros(kFrameBytes, '\0');
  size_t sent = 0;
  while (ok() && sent < count) {
    const int64_t allowed = std::min(window_, windows_[stream]);
    if (allowed <= 0) {
      if (!ReadFrame()) break;
      continue;
    }
    const size_t part = std::min({static_cast<size_t>(allowed), count - sent, kFrameBytes});
    SendFrame(kData, 0, stream, std::string_view(zeros).substr(0, part));
    window_ -= static_cast<int64_t>(part);
    windows_[stream] -= static_cast<int64_t>(part);
    sent += part;
  }
  return sent;
}

bool RawConnection::Receive(char* bytes, size_t count) {
  return ok() && recv(socket_, bytes, count, MSG_WAITALL) == static_cast<ssize_t>(count);
}

bool RawConnection::ReadFrame() {
  char head[kHeadBytes];
  if (!Receive(head, sizeof(head))) return false;
  std::string payload(ReadBigEndian(head, 3), '\0');
  if (!payload.empty() && !Receive(payload.data(), payload.size())) return false;
  const auto type = static_cast<uint8_t>(head[3]);
  const bool is_ack = (head[4] & kAck) != 0;
  const uint32_t stream = ReadBigEndian(head + 5, 4);
  if (type == kWindowUpdate) {
    (stream == 0 ? window_ : windows_[stream]) += ReadBigEndian(payload.data(), 4);
  } else if (type == kPing && !is_ack) {
    SendFrame(kPing, kAck, 0, payload);
  } else if (type == kSettings && !is_ack) {
    for (size_t at = 0; at + 6 <= payload.size(); at += 6) {
      if (ReadBigEndian(payload.data() + at, 2) != kInitialWindowSize) continue;
      const int64_t window = ReadBigEndian(payload.data() + at + 2, 4);
      for (auto& [id, left] : windows_) left += window - initial_window_;
      initial_window_ = window;
    }
    SendFrame(kSettings, kAck, 0, "");
  }
  return true;
}

}  // namespace kvsift::weather
