// What the calls of SelectionService are called, in metrics and logs.
#ifndef KVSIFT_SERVER_RPC_METHOD_NAME_H_
#define KVSIFT_SERVER_RPC_METHOD_NAME_H_

#include <array>
#include <cstddef>

#include "server/rpc/call_observer.h"

namespace kvsift {

// As the proto file has it.
constexpr const char* MethodName(Method method) {
  // In the order of Method.
  constexpr std::array<const char*, kMethods> kNames = {
      "CreateStore", "GetStore",         "ListStores",       "DeleteStore",  "Calibrate",
      "AppendKeys",  "StreamAppendKeys", "Select",           "Step",         "StreamSteps",
      "GetSequence", "ListSequences",    "TruncateSequence", "ForkSequence", "ReleaseSequence",
      "GetServer"};
  return kNames[static_cast<size_t>(method)];
}

}  // namespace kvsift

#endif  // KVSIFT_SERVER_RPC_METHOD_NAME_H_
