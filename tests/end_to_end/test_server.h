// A real server in this process and a real channel to it.
#ifndef KVSIFT_TESTS_END_TO_END_TEST_SERVER_H_
#define KVSIFT_TESTS_END_TO_END_TEST_SERVER_H_

#include <memory>
#include <string>
#include <vector>

#include "grpcpp/channel.h"
#include "kvsift/v1/selection.grpc.pb.h"
#include "server/rpc/log.h"
#include "server/rpc/server.h"

namespace kvsift {

enum class Transport { kTcp, kUnix };

// "Tcp" or "Unix".
std::string TransportName(Transport transport);

// What ServerOptions::make_backends makes: `backend` alone.
std::vector<std::unique_ptr<Backend>> OneBackend(std::unique_ptr<Backend> backend);

class TestServer {
 public:
  // Serves with one listener of `transport` on a free port, or a socket in a folder of its own.
  // Other fields of `options` are used as they are.
  explicit TestServer(ServerOptions options = {}, Transport transport = Transport::kTcp);
  ~TestServer();

  Server& server() { return *server_; }
  const std::string& address() const { return server_->addresses().front(); }
  v1::SelectionService::Stub& stub() { return *stub_; }

  // Another connection, which shares nothing with stub().
  std::shared_ptr<grpc::Channel> Connect() const;

 private:
  Logger logger_{LogLevel::kOff, LogFormat::kText};
  std::string folder_;  // of the socket
  std::unique_ptr<Server> server_;
  std::unique_ptr<v1::SelectionService::Stub> stub_;
};

}  // namespace kvsift

#endif  // KVSIFT_TESTS_END_TO_END_TEST_SERVER_H_
