// A StreamAppendKeysRequest whose keys are written once, where they are sent from.
#ifndef KVSIFT_CLIENT_CPP_APPEND_MESSAGE_H_
#define KVSIFT_CLIENT_CPP_APPEND_MESSAGE_H_

#include <grpcpp/support/byte_buffer.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

#include "client/cpp/chunk_pool.h"
#include "kvsift/v1/selection.pb.h"

namespace kvsift::client {

// The serialised `request` with `batch` and, in it, `key_bytes` bytes that `write` writes to memory
// of `pool`.
// REQUIRES: request.keys and batch.keys are empty.
grpc::ByteBuffer MakeAppendMessage(const v1::StreamAppendKeysRequest& request,
                                   const v1::KeyBatch& batch, int64_t key_bytes, ChunkPool& pool,
                                   const std::function<void(std::span<std::byte>)>& write);

}  // namespace kvsift::client

#endif  // KVSIFT_CLIENT_CPP_APPEND_MESSAGE_H_
