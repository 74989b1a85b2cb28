// Calls about sequences other than appends and selections.
#ifndef KVSIFT_SERVER_RPC_SEQUENCE_CALLS_H_
#define KVSIFT_SERVER_RPC_SEQUENCE_CALLS_H_

#include "kvsift/v1/sequence.pb.h"
#include "server/engine/engine.h"
#include "server/rpc/unary_call.h"

namespace kvsift {

// Each completes `call`, at once or later, on any thread. `engine` outlives the call.
void RunGetSequence(Engine& engine,
                    UnaryCall<v1::GetSequenceRequest, v1::GetSequenceResponse>& call);
void RunListSequences(Engine& engine,
                      UnaryCall<v1::ListSequencesRequest, v1::ListSequencesResponse>& call);
void RunTruncate(Engine& engine,
                 UnaryCall<v1::TruncateSequenceRequest, v1::TruncateSequenceResponse>& call);
void RunFork(Engine& engine, UnaryCall<v1::ForkSequenceRequest, v1::ForkSequenceResponse>& call);
void RunRelease(Engine& engine,
                UnaryCall<v1::ReleaseSequenceRequest, v1::ReleaseSequenceResponse>& call);

}  // namespace kvsift

#endif  // KVSIFT_SERVER_RPC_SEQUENCE_CALLS_H_
