// The C++ client as the Python package holds it.
#ifndef KVSIFT_CLIENT_PYTHON_SRC_CORE_CLIENT_H_
#define KVSIFT_CLIENT_PYTHON_SRC_CORE_CLIENT_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "kvsift/client.h"

namespace kvsift::python {

// A client that can be closed. Used with the GIL held, which guards it; calls then wait without.
class CoreClient {
 public:
  // Raises as client::Client::Connect, and RuntimeError in a process that was forked while one was
  // connected: gRPC's threads are not there.
  CoreClient(const std::string& address, client::Options options, double timeout);

  // As Close.
  ~CoreClient();
  CoreClient(const CoreClient&) = delete;
  CoreClient& operator=(const CoreClient&) = delete;

  // Waits, without the GIL, for calls under way. In a forked process, where they cannot end, it
  // only forgets them.
  void Close();

  bool is_closed() const { return client_ == nullptr; }

  // The client, to be kept for the length of a call. Raises RuntimeError if it is closed, or if
  // this process was forked from the one that connected it.
  std::shared_ptr<client::Client> Use() const;

  // When a call must have ended: `timeout` seconds from now, or the client's own if it is nothing.
  absl::Time Deadline(std::optional<double> timeout) const;

 private:
  int64_t forks_;
  double timeout_;
  std::shared_ptr<client::Client> client_;
};

}  // namespace kvsift::python

#endif  // KVSIFT_CLIENT_PYTHON_SRC_CORE_CLIENT_H_
