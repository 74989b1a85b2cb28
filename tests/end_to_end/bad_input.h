// The tables of bad inputs, by the messages that they are made of.
//
// They are sent to a server with a store "s" (requests.h) that holds sequence 1 of 5 positions and
// sequence 2 of 8, and a store "codes" without key scales.
#ifndef KVSIFT_TESTS_END_TO_END_BAD_INPUT_H_
#define KVSIFT_TESTS_END_TO_END_BAD_INPUT_H_

#include <vector>

#include "tests/end_to_end/refusal.h"

namespace kvsift {

using Stub = v1::SelectionService::Stub;

std::vector<BadInput> BadStores();
std::vector<BadInput> BadSequences();
std::vector<BadInput> BadKeys();
std::vector<BadInput> BadQueries();
std::vector<BadInput> BadPolicies();
std::vector<BadInput> BadSteps();
std::vector<BadInput> BadCalibrations();

}  // namespace kvsift

#endif  // KVSIFT_TESTS_END_TO_END_BAD_INPUT_H_
