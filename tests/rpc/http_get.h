// A HTTP client of a few lines, for tests of what Prometheus fetches.
#ifndef KVSIFT_TESTS_RPC_HTTP_GET_H_
#define KVSIFT_TESTS_RPC_HTTP_GET_H_

#include <string>

namespace kvsift {

struct HttpAnswer {
  int status = 0;  // 0: nobody answers there
  std::string body;
};

// GET `path` from IPV4:PORT, "127.0.0.1:80", on a connection of its own.
HttpAnswer HttpGet(const std::string& address, const std::string& path);

// A connection on which nothing was said; close it. -1 if nobody listens there.
int ConnectTo(const std::string& address);

}  // namespace kvsift

#endif  // KVSIFT_TESTS_RPC_HTTP_GET_H_
