// What became of each entry, as every answer with entries tells it.
#ifndef KVSIFT_SERVER_RPC_ENTRY_RESULTS_H_
#define KVSIFT_SERVER_RPC_ENTRY_RESULTS_H_

#include <cstddef>
#include <string>
#include <vector>

#include "server/engine/engine.h"

namespace kvsift {

// Fills epochs, lengths and entry_errors of `response`, replacing what is there.
template <typename Response>
void FillEntryResults(const std::vector<EntryResult>& entries, Response& response) {
  response.clear_epochs();
  response.clear_lengths();
  response.clear_entry_errors();
  for (size_t i = 0; i < entries.size(); ++i) {
    const EntryResult& entry = entries[i];
    response.add_epochs(entry.epoch);
    response.add_lengths(entry.length);
    if (entry.status.ok()) continue;
    auto& error = *response.add_entry_errors();
    error.set_entry(static_cast<int32_t>(i));
    error.set_code(entry.status.raw_code());
    error.set_message(std::string(entry.status.message()));
    error.set_length(entry.length);
    error.set_epoch(entry.epoch);
  }
}

}  // namespace kvsift

#endif  // KVSIFT_SERVER_RPC_ENTRY_RESULTS_H_
