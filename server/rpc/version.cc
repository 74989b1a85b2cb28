#include "server/rpc/version.h"

namespace kvsift {

const char kVersion[] = KVSIFT_VERSION;

}  // namespace kvsift
