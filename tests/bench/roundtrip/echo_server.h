// The floor of a round trip: a server that answers Select with bytes that it was given.
#ifndef KVSIFT_TESTS_BENCH_ROUNDTRIP_ECHO_SERVER_H_
#define KVSIFT_TESTS_BENCH_ROUNDTRIP_ECHO_SERVER_H_

#include <memory>
#include <string>

#include "grpcpp/server.h"
#include "kvsift/v1/selection.grpc.pb.h"

namespace kvsift {

// Has the gRPC set-up of kvsift-server, reads no request and computes nothing.
class EchoServer {
 public:
  // Listens on `address` and answers every Select with `answer`.
  EchoServer(const std::string& address, const v1::SelectResponse& answer);
  ~EchoServer();

 private:
  class Service;
  std::unique_ptr<Service> service_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace kvsift

#endif  // KVSIFT_TESTS_BENCH_ROUNDTRIP_ECHO_SERVER_H_
