#include "server/rpc/reflection_service.h"

#include <memory>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/descriptor.pb.h"
#include "server/rpc/wire_fields.h"

namespace kvsift {
namespace {

using google::protobuf::DescriptorPool;
using google::protobuf::FileDescriptor;

// Fields of ServerReflectionRequest.
enum RequestField { kHost = 1, kFileByFilename = 3, kFileContainingSymbol = 4, kListServices = 7 };

// Fields of ServerReflectionResponse, and of the messages inside.
enum ResponseField {
  kValidHost = 1,
  kOriginalRequest = 2,
  kFileDescriptorResponse = 4,
  kListServicesResponse = 6,
  kErrorResponse = 7
};
constexpr int kFileDescriptorProto = 1;  // repeated
constexpr int kService = 1;              // repeated
constexpr int kServiceName = 1;
constexpr int kErrorCode = 1;
constexpr int kErrorMessage = 2;

constexpr const char* kNames[] = {"grpc.reflection.v1.ServerReflection",
                                  "grpc.reflection.v1alpha.ServerReflection"};

void AddFile(const FileDescriptor& file, absl::flat_hash_set<const FileDescriptor*>& known,
             WireFields& files) {
  if (!known.insert(&file).second) return;
  google::protobuf::FileDescriptorProto proto;
  file.CopyTo(&proto);
  files.AddLengthDelimited(kFileDescriptorProto, proto.SerializeAsString());
  for (int i = 0; i < file.dependency_count(); ++i) AddFile(*file.dependency(i), known, files);
}

void AddError(grpc::StatusCode code, const std::string& message, WireFields& response) {
  WireFields error;
  error.AddVarint(kErrorCode, code);
  error.AddLengthDelimited(kErrorMessage, message);
  response.AddLengthDelimited(kErrorResponse, TextOf(error));
}

// A file with all that it imports.
void AddFileResponse(const FileDescriptor* file, const std::string& what, WireFields& response) {
  if (file == nullptr) return AddError(grpc::StatusCode::NOT_FOUND, what + ": unknown", response);
  absl::flat_hash_set<const FileDescriptor*> known;
  WireFields files;
  AddFile(*file, known, files);
  response.AddLengthDelimited(kFileDescriptorResponse, TextOf(files));
}

void AddServices(const std::vector<std::string>& services, WireFields& response) {
  WireFields list;
  for (const std::string& name : services) {
    WireFields service;
    service.AddLengthDelimited(kServiceName, name);
    list.AddLengthDelimited(kService, TextOf(service));
  }
  response.AddLengthDelimited(kListServicesResponse, TextOf(list));
}

class ReflectionStream final : public CallReactor {
 public:
  ReflectionStream(std::unique_ptr<ServerCall> call, const std::vector<std::string>& services)
      : CallReactor(std::move(call)), services_(services) {}

  void Begin() { StartRead(&in_); }

 private:
  void OnReadDone(bool ok) override {
    if (!ok) return Finish(grpc::Status::OK);
    WireFields request;
    if (!ParseFields(in_, request)) {
      return Finish(grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, "no ServerReflectionRequest"));
    }
    WireFields response;
    Answer(request, response);
    StartWrite(BytesOf(response));
  }

  void OnWriteDone(bool ok) override {
    if (!ok) return Finish(grpc::Status::CANCELLED);
    StartRead(&in_);
  }

  void OnDone() override { delete this; }

  void Answer(const WireFields& request, WireFields& response) const {
    if (const std::string* host = FindText(request, kHost); host != nullptr) {
      response.AddLengthDelimited(kValidHost, *host);
    }
    response.AddLengthDelimited(kOriginalRequest, TextOf(request));
    const DescriptorPool& pool = *DescriptorPool::generated_pool();
    if (FindText(request, kListServices) != nullptr) {
      AddServices(services_, response);
    } else if (const auto* file = FindText(request, kFileByFilename); file != nullptr) {
      AddFileResponse(pool.FindFileByName(*file), *file, response);
    } else if (const auto* symbol = FindText(request, kFileContainingSymbol); symbol != nullptr) {
      AddFileResponse(pool.FindFileContainingSymbol(*symbol), *symbol, response);
    } else {
      // The schema has no extensions.
      AddError(grpc::StatusCode::UNIMPLEMENTED, "neither a file, a symbol nor a list", response);
    }
  }

  const std::vector<std::string>& services_;
  grpc::ByteBuffer in_;
};

}  // namespace

void AddReflectionService(std::vector<std::string> services, MethodTable& methods) {
  for (const char* name : kNames) services.emplace_back(name);
  const auto list = std::make_shared<const std::vector<std::string>>(std::move(services));
  for (const char* name : kNames) {
    methods[std::string("/") + name + "/ServerReflectionInfo"] =
        [list](std::unique_ptr<ServerCall> call) {
          (new ReflectionStream(std::move(call), *list))->Begin();
        };
  }
}

}  // namespace kvsift
