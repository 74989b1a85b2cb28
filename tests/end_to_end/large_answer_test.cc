// Answers of many MiB, from a server in a process of its own.
//
// Beside its client in one process it took 10 s for some first answers of a connection: that long
// rests the backup poller of gRPC 1.51, which both then share. Across processes none of 48 did.
#include <gtest/gtest.h>

#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "tests/end_to_end/program_test.h"
#include "tests/end_to_end/requests.h"

namespace kvsift {
namespace {

using Stub = v1::SelectionService::Stub;

std::unique_ptr<Stub> Connect(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  return v1::SelectionService::NewStub(
      grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments));
}

// Calls `method` and expects success.
template <typename Request, typename Response>
Response Call(Stub& stub,
              grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
              const Request& request) {
  grpc::ClientContext context;
  Response response;
  const grpc::Status status = (stub.*method)(&context, request, &response);
  EXPECT_TRUE(status.ok()) << status.error_message();
  return response;
}

TEST_F(ProgramTest, AnAnswerOf16MiBArrives) {
  constexpr int64_t kTokens = 4096;  // x 4 heads x k 256 x 4 bytes
  const auto program = Start({"--listen", "127.0.0.1:0", "--listen", "unix:" + Path("socket")});
  for (int transport = 0; transport < 2; ++transport) {
    const auto stub = Connect(ListenedAddress(program->ReadLine()));
    Random random(4);
    Call(*stub, &Stub::CreateStore, MakeCreate("s"));
    Call(*stub, &Stub::AppendKeys, MakeAppend("s", {{1, 0, 300}}, random));
    auto request = MakeSelect("s", {1}, random);
    v1::QueryBatch& queries = *request.mutable_queries();
    queries.mutable_policies(0)->set_k(256);
    queries.set_counts(0, kTokens);
    queries.set_queries(RandomQueryCodes(random, kTokens));
    for (int64_t token = 0; token < kTokens; ++token) queries.add_visible_lengths(300);
    queries.mutable_query_scales()->Resize(kTokens * kQueryHeads, 1.0f);
    const auto response = Call(*stub, &Stub::Select, request);
    EXPECT_EQ(response.answer().positions().size(), size_t{16} << 20);
    EXPECT_EQ(response.answer().counts().size(), size_t{kTokens} * kQueryHeads * 4);
  }
}

}  // namespace
}  // namespace kvsift
