// Raw queries to codes: a query is cut by its own size (kernels/encode/vector_codes.h).
#include "kernels/cuda/ingest.h"
#include "kernels/cuda/jobs.cuh"
#include "kernels/cuda/rotate.cuh"

namespace kvsift::cuda {
namespace {

constexpr int kThreads = 128;
constexpr int kFinePlanes = 4;

// Multiples of the root mean square at which codes change, as float32, by key bits.
__constant__ float kMultiples[4][7] = {
    {},
    {0.0f},
    {-0.98f, 0.0f, 0.98f},
    {-1.758f, -1.172f, -0.586f, 0.0f, 0.586f, 1.172f, 1.758f},
};

// The tree sum of the definition: strides D/2 .. 32 lie in one lane, the rest across lanes.
template <int kWords>
__device__ float RootMeanSquare(const float (&x)[kWords]) {
  float s[kWords];
#pragma unroll
  for (int j = 0; j < kWords; ++j) s[j] = __fmul_rn(x[j], x[j]);
#pragma unroll
  for (int width = kWords / 2; width > 0; width /= 2) {
#pragma unroll
    for (int j = 0; j < width; ++j) s[j] = __fadd_rn(s[j], s[j + width]);
  }
  float sum = s[0];
#pragma unroll
  for (int width = 16; width > 0; width /= 2) {
    sum = __fadd_rn(sum, __shfl_down_sync(~0u, sum, width));
  }
  sum = __shfl_sync(~0u, sum, 0);
  return __fsqrt_rn(__fdiv_rn(sum, static_cast<float>(kWords * 32)));
}

template <int kWords>
__device__ void EncodeCoarse(const float (&x)[kWords], int bits, uint32_t* codes) {
  const int lane = threadIdx.x & 31;
  const float rms = RootMeanSquare(x);
#pragma unroll
  for (int j = 0; j < kWords; ++j) {
    int code = 0;
    for (int i = 0; i < (1 << bits) - 1; ++i) code += x[j] > __fmul_rn(kMultiples[bits][i], rms);
    for (int plane = 0; plane < bits; ++plane) {
      const uint32_t word = __ballot_sync(~0u, (code >> plane) & 1);
      if (lane == 0) codes[plane * kWords + j] = word;
    }
  }
}

template <int kWords>
__device__ void EncodeFine(const float (&x)[kWords], uint32_t* codes, float* scale_out) {
  const int lane = threadIdx.x & 31;
  float largest = 0.0f;
#pragma unroll
  for (int j = 0; j < kWords; ++j) {
    if (fabsf(x[j]) > largest) largest = fabsf(x[j]);
  }
  for (int width = 16; width > 0; width /= 2) {
    largest = fmaxf(largest, __shfl_xor_sync(~0u, largest, width));
  }
  const bool zero = largest < 0x1p-100f;
  const float scale = zero ? 0.0f : __fdiv_rn(largest, 7.0f);
  if (lane == 0) *scale_out = scale;
#pragma unroll
  for (int j = 0; j < kWords; ++j) {
    const float value = zero ? 0.0f : rintf(__fdiv_rn(x[j], scale));
    const int code = isnan(value) ? 0 : static_cast<int>(value);
#pragma unroll
    for (int plane = 0; plane < kFinePlanes; ++plane) {
      const uint32_t word = __ballot_sync(~0u, (code >> plane) & 1);
      if (lane == 0) codes[plane * kWords + j] = word;
    }
  }
}

template <int kWords>
__device__ void EncodeQuery(const CodeLayout& layout, const QueryJob& job, int64_t vector) {
  const int64_t element_bytes = job.kind == VectorKind::kFloat32 ? 4 : 2;
  RawVector<kWords> raw;
  raw.Load(job.raw + vector * layout.head_dim * element_bytes, job.kind, layout.head_dim);
  float x[kWords];
  raw.Convert(job.kind, x);
  RotateVector(x);
  if (job.scales != nullptr) {
    EncodeFine(x, job.codes + vector * kFinePlanes * kWords, job.scales + vector);
  } else {
    EncodeCoarse(x, layout.bits, job.codes + vector * layout.bits * kWords);
  }
}

__global__ void __launch_bounds__(kThreads)
    EncodeQueries(const CodeLayout layout, const QueryJob* jobs, int count, int64_t vectors) {
  const int64_t item = GridWarp();
  if (item >= vectors) return;
  const QueryJob job = jobs[FindJob(jobs, count, item)];
  const int64_t vector = item - job.first_item;
  switch (layout.words) {
    case 1:
      return EncodeQuery<1>(layout, job, vector);
    case 2:
      return EncodeQuery<2>(layout, job, vector);
    case 4:
      return EncodeQuery<4>(layout, job, vector);
    default:
      return EncodeQuery<8>(layout, job, vector);
  }
}

}  // namespace

cudaError_t LaunchQueryEncoding(const CodeLayout& layout, const QueryJob* jobs, int count,
                                int64_t vectors, cudaStream_t stream) {
  EncodeQueries<<<BlocksFor(vectors, kThreads / 32), kThreads, 0, stream>>>(layout, jobs, count,
                                                                            vectors);
  return cudaGetLastError();
}

}  // namespace kvsift::cuda
