#include "tests/end_to_end/test_server.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <utility>

#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"

namespace kvsift {
namespace {

std::string MakeFolder() {
  std::string path = testing::TempDir() + "kvsiftXXXXXX";
  EXPECT_NE(mkdtemp(path.data()), nullptr);
  return path;
}

}  // namespace

std::string TransportName(Transport transport) {
  return transport == Transport::kTcp ? "Tcp" : "Unix";
}

std::vector<std::unique_ptr<Backend>> OneBackend(std::unique_ptr<Backend> backend) {
  std::vector<std::unique_ptr<Backend>> backends;
  backends.push_back(std::move(backend));
  return backends;
}

TestServer::TestServer(ServerOptions options, Transport transport) {
  if (transport == Transport::kUnix) folder_ = MakeFolder();
  options.listen = {folder_.empty() ? "127.0.0.1:0" : "unix:" + folder_ + "/socket"};
  if (options.incarnation == 0) options.incarnation = 0x1234;
  // Reactions of a call run at once, on machines with few processors, too.
  options.call_threads = std::max(options.call_threads, 4);
  auto started = Server::Start(options, logger_);
  if (!started.ok()) {
    ADD_FAILURE() << started.status();
    std::abort();  // nothing can be tested
  }
  server_ = *std::move(started);
  stub_ = v1::SelectionService::NewStub(Connect());
}

TestServer::~TestServer() {
  server_.reset();
  if (!folder_.empty()) std::filesystem::remove_all(folder_);
}

std::shared_ptr<grpc::Channel> TestServer::Connect() const {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  arguments.SetMaxSendMessageSize(-1);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(address(), grpc::InsecureChannelCredentials(), arguments);
}

}  // namespace kvsift
