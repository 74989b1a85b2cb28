// Calibrate on one call. Heavy: layers run on the executor, side by side.
#ifndef KVSIFT_SERVER_RPC_CALIBRATE_CALL_H_
#define KVSIFT_SERVER_RPC_CALIBRATE_CALL_H_

#include <cstdint>

#include "kernels/executor.h"
#include "kvsift/v1/store.pb.h"
#include "server/rpc/unary_call.h"

namespace kvsift {

// Completes `call`, at once or later, on any thread. `executor` outlives the call.
void RunCalibrate(Executor& executor, uint64_t incarnation,
                  UnaryCall<v1::CalibrateRequest, v1::CalibrateResponse>& call);

}  // namespace kvsift

#endif  // KVSIFT_SERVER_RPC_CALIBRATE_CALL_H_
