// The version of this build.
#ifndef KVSIFT_SERVER_RPC_VERSION_H_
#define KVSIFT_SERVER_RPC_VERSION_H_

namespace kvsift {

// As in the project() of the top CMakeLists.txt, such as "0.1.0".
extern const char kVersion[];

}  // namespace kvsift

#endif  // KVSIFT_SERVER_RPC_VERSION_H_
