// Calls about stores and the server itself.
#ifndef KVSIFT_SERVER_RPC_STORE_CALLS_H_
#define KVSIFT_SERVER_RPC_STORE_CALLS_H_

#include "kvsift/v1/store.pb.h"
#include "server/engine/engine.h"
#include "server/rpc/unary_call.h"

namespace kvsift {

// Each completes `call` before it returns.
void RunCreateStore(Engine& engine,
                    UnaryCall<v1::CreateStoreRequest, v1::CreateStoreResponse>& call);
void RunGetStore(Engine& engine, UnaryCall<v1::GetStoreRequest, v1::GetStoreResponse>& call);
void RunListStores(Engine& engine, UnaryCall<v1::ListStoresRequest, v1::ListStoresResponse>& call);
void RunDeleteStore(Engine& engine,
                    UnaryCall<v1::DeleteStoreRequest, v1::DeleteStoreResponse>& call);
void RunGetServer(const ServiceContext& service,
                  UnaryCall<v1::GetServerRequest, v1::GetServerResponse>& call);

}  // namespace kvsift

#endif  // KVSIFT_SERVER_RPC_STORE_CALLS_H_
