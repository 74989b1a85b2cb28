// Appends four keys and asks which two a query should attend to.
//
// usage: select ADDRESS
#include <cstdio>

#include "absl/time/clock.h"
#include "kvsift/client.h"

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const absl::Time deadline = absl::Now() + absl::Seconds(10);
  auto client = kvsift::Client::Connect(argv[1], {}, deadline);
  if (!client.ok()) return std::fprintf(stderr, "%s\n", client.status().ToString().c_str()), 1;
  const kvsift::client::StoreConfig config = {.name = "example",
                                              .layer_ids = {0},
                                              .kv_heads = 1,
                                              .query_heads = 1,
                                              .head_dim = 4,
                                              .key_scales = {1.0f}};
  auto store = (*client)->CreateStore(config, deadline);
  if (!store.ok()) return std::fprintf(stderr, "%s\n", store.status().ToString().c_str()), 1;

  const float keys[] = {9, 9, 0, 0, /**/ -9, 0, 9, 0, /**/ 9, 8, 1, 0, /**/ 0, -9, 0, 9};
  kvsift::client::StepRequest step;  // position 0 of sequence 7 onwards, then one query token
  step.entries = {{.sequence_id = 7, .start = 0, .key_count = 4, .query_tokens = 1}};
  step.keys = kvsift::client::Float32Vectors(keys);
  const float query[] = {1, 1, 0, 0};
  step.queries.policies = {{.k = 2}};
  step.queries.vectors = kvsift::client::Float32Vectors(query);
  auto selection = (*client)->Step(*store, step, deadline);
  if (!selection.ok())
    return std::fprintf(stderr, "%s\n", selection.status().ToString().c_str()), 1;
  for (const int position : selection->Row(0)) std::printf("%d\n", position);
  return 0;
}
