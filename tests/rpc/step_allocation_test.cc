// A step of 64 sequences allocates as often as a step of one: from the bytes of its message to the
// bytes of its answer, counted at operator new. Over a backend that does nothing: what backends
// allocate is their own tests' business.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "kernels/reference/reference_backend.h"
#include "server/rpc/stream_step.h"
#include "tests/end_to_end/requests.h"
#include "tests/engine/forwarding_backend.h"
#include "tests/kernels/counted_new.h"

namespace kvsift {
namespace {

class IdleBackend final : public ForwardingBackend {
 public:
  using ForwardingBackend::ForwardingBackend;

  void Submit(const Batch& batch, BatchObserver& observer) override {
    for (const Selection& selection : batch.selections) {
      const int64_t rows = std::ssize(selection.visible) * kQueryHeads;
      std::fill_n(selection.positions, rows * selection.row_width, -1);
      std::fill_n(selection.counts, rows, 0);
    }
    observer.OnBatchDone(batch, absl::OkStatus());
  }
};

class StepAllocationTest : public testing::Test {
 protected:
  StepAllocationTest() {
    EngineOptions options;
    options.backends.push_back(std::make_unique<IdleBackend>(
        CreateReferenceBackend(*ReservePageMemory(int64_t{64} << 20))));
    options.now = [] { return Clock::now(); };
    engine_ = std::make_unique<Engine>(std::move(options));
    StoreConfig config;
    config.name = std::string("s");
    config.layer_ids = {3, 7};
    config.shape = {.layers = 2, .kv_heads = 2, .query_heads = 4, .head_dim = 64, .key_bits = 2};
    config.key_scales.assign(4, 8.0f);
    EXPECT_TRUE(engine_->CreateStore(config).ok());
    service_ = {.engine = engine_.get(), .gate = &gate_, .max_stream_steps = 64};
  }

  // Allocations of one step of `entries` sequences, as most steps of a run have them: now and then
  // a page begins or a list grows.
  int64_t UsualAllocations(int entries) {
    StreamStep step(service_, context_);
    std::vector<int64_t> counts;
    for (int64_t position = 0; position < 60; ++position) {
      const grpc::ByteBuffer message = MakeMessage(entries, position);
      std::atomic<bool> done = false;
      const int64_t before = AllocationsOfAllThreads();
      step.Start(message, {}, [&] { done = true; });
      while (!done) continue;
      counts.push_back(AllocationsOfAllThreads() - before);
      v1::StreamStepsResponse answer;
      grpc::ByteBuffer bytes = step.out;
      grpc::ProtoBufferReader reader(&bytes);
      EXPECT_TRUE(answer.ParseFromZeroCopyStream(&reader));
      EXPECT_EQ(answer.step().lengths_size(), entries) << answer.message();
      EXPECT_EQ(answer.step().lengths(0), position + 1);
      step.End();
    }
    std::nth_element(counts.begin(), counts.begin() + 30, counts.end());
    return counts[30];
  }

  grpc::ByteBuffer MakeMessage(int entries, int64_t position) {
    std::vector<AppendPart> parts;
    for (int i = 0; i < entries; ++i) {
      parts.push_back({static_cast<uint64_t>(1000 * entries + i), position, 1});
    }
    v1::StreamStepsRequest request;
    *request.mutable_step() = MakeStep("s", parts, random_);
    grpc::Slice slice(request.SerializeAsString());
    return {&slice, 1};
  }

  Random random_{1};
  CallGate gate_;
  std::unique_ptr<Engine> engine_;
  grpc::ServerContext context_;
  ServiceContext service_;
};

TEST_F(StepAllocationTest, AsManyForSixtyFourSequencesAsForOne) {
  const int64_t one = UsualAllocations(1);
  const int64_t many = UsualAllocations(64);
  std::printf("allocations of a step: %ld of 1 sequence, %ld of 64\n", static_cast<long>(one),
              static_cast<long>(many));
  EXPECT_EQ(UsualAllocations(4), many);
  // What ends the answer of one sequence is so short that gRPC keeps it inside the slice.
  EXPECT_EQ(one + 1, many);
  EXPECT_GT(one, 0);
}

}  // namespace
}  // namespace kvsift
