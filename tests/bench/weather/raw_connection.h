// An HTTP/2 connection made by hand, for what no gRPC client does: not reading, stopping in the
// middle of a message, sending bytes that mean nothing.
#ifndef KVSIFT_TESTS_BENCH_WEATHER_RAW_CONNECTION_H_
#define KVSIFT_TESTS_BENCH_WEATHER_RAW_CONNECTION_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace kvsift::weather {

// Thread-compatible. Whatever fails makes ok() false for good, and later calls do nothing. No call
// waits longer than 100 ms.
class RawConnection {
 public:
  // Connects to "host:port" and says hello. `hello` false: a bare connection.
  explicit RawConnection(const std::string& address, bool hello = true);
  // Resets the connection: what is under way is lost.
  ~RawConnection();
  RawConnection(const RawConnection&) = delete;
  RawConnection& operator=(const RawConnection&) = delete;

  bool ok() const { return socket_ >= 0; }

  // Starts a call of a method of SelectionService and returns its stream. `timeout`, in gRPC's
  // notation, may be empty.
  uint32_t Call(std::string_view method, std::string_view timeout = "");

  // Sends `bytes` as the start of a message of `size` bytes, ignoring flow control, so that the
  // server may send the client away after the first 64 KiB of a connection.
  void Begin(uint32_t stream, std::string_view bytes, size_t size);

  // A whole message, as Begin.
  void Message(uint32_t stream, std::string_view bytes) { Begin(stream, bytes, bytes.size()); }

  // The client has nothing more to say in this call.
  void HalfClose(uint32_t stream);

  // Gives the call up.
  void Cancel(uint32_t stream);

  // Sends `count` zeros of a message that has begun as the server allows it, and reads what the
  // server says meanwhile. Returns how many went out when the server did not allow more.
  size_t SendZeros(uint32_t stream, size_t count);

  // Bytes as they are.
  void Send(std::string_view bytes);

 private:
  // Reads one frame and learns from it how much may be sent. False if none came.
  bool ReadFrame();
  bool Receive(char* bytes, size_t count);
  void Fail();
  void SendFrame(uint8_t type, uint8_t flags, uint32_t stream, std::string_view payload);

  int socket_ = -1;
  uint32_t next_stream_ = 1;
  int64_t initial_window_ = 65535;
  int64_t window_ = 65535;               // of the connection
  std::map<uint32_t, int64_t> windows_;  // of streams
};

}  // namespace kvsift::weather

#endif  // KVSIFT_TESTS_BENCH_WEATHER_RAW_CONNECTION_H_
