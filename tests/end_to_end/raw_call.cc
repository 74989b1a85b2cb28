#include "tests/end_to_end/raw_call.h"

#include <gtest/gtest.h>

#include <vector>

#include "grpcpp/client_context.h"
#include "grpcpp/completion_queue.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/support/byte_buffer.h"

namespace kvsift {

grpc::Status CallBytes(const std::shared_ptr<grpc::Channel>& channel, const std::string& path,
                       const std::string& bytes, std::string* answer) {
  grpc::GenericStub generic(channel);
  grpc::CompletionQueue queue;
  grpc::ClientContext context;
  grpc::Slice slice(bytes);
  const grpc::ByteBuffer request(&slice, 1);
  grpc::ByteBuffer response;
  grpc::Status status;
  const auto call = generic.PrepareUnaryCall(&context, path, request, &queue);
  call->StartCall();
  call->Finish(&response, &status, nullptr);
  void* tag = nullptr;
  bool ok = false;
  queue.Next(&tag, &ok);
  std::vector<grpc::Slice> slices;
  if (answer != nullptr && response.Dump(&slices).ok()) {
    for (const grpc::Slice& part : slices) {
      answer->append(reinterpret_cast<const char*>(part.begin()), part.size());
    }
  }
  return status;
}

// HealthCheckRequest: service = 1. HealthCheckResponse: status = 1.
Health CheckHealth(const std::shared_ptr<grpc::Channel>& channel, const std::string& service) {
  std::string request;
  if (!service.empty()) {
    request.push_back('\x0a');
    request.push_back(static_cast<char>(service.size()));
    request.append(service);
  }
  std::string answer;
  const grpc::Status status = CallBytes(channel, "/grpc.health.v1.Health/Check", request, &answer);
  EXPECT_TRUE(status.ok()) << status.error_message();
  return answer.size() == 2 && answer[0] == 8 ? static_cast<Health>(answer[1]) : Health::kUnknown;
}

}  // namespace kvsift
