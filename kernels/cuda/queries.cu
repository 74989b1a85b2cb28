// Raw queries to codes: a query is cut by its own size (kernels/encode/vector_codes.h).
#include "kernels/cuda/cut.cuh"
#include "kernels/cuda/ingest.h"
#include "kernels/cuda/jobs.cuh"

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

// The tree sum of the definition: strides D / 2 and 4 .. 1 lie in a lane, the rest across lanes.
// Every lane of the vector has it.
template <int kWords>
__device__ float RootMeanSquare(const float (&x)[kLaneElements]) {
  float s[8];
#pragma unroll
  for (int i = 0; i < 8; ++i)
    s[i] = __fadd_rn(__fmul_rn(x[i], x[i]), __fmul_rn(x[i + 8], x[i + 8]));
#pragma unroll
  for (int apart = kVectorLanes<kWords> / 2; apart > 0; apart /= 2) {
#pragma unroll
    for (int i = 0; i < 8; ++i) s[i] = __fadd_rn(s[i], __shfl_xor_sync(~0u, s[i], apart));
  }
#pragma unroll
  for (int width = 4; width > 0; width /= 2) {
#pragma unroll
    for (int i = 0; i < width; ++i) s[i] = __fadd_rn(s[i], s[i + width]);
  }
  return __fsqrt_rn(__fdiv_rn(s[0], static_cast<float>(kWords * 32)));
}

template <int kWords, int kBits>
__device__ LanePlanes<kBits> CutCoarsely(const float (&x)[kLaneElements]) {
  const float rms = RootMeanSquare<kWords>(x);
  float limits[(1 << kBits) - 1];
#pragma unroll
  for (int i = 0; i < (1 << kBits) - 1; ++i) limits[i] = __fmul_rn(kMultiples[kBits][i], rms);
  return CutElements<kBits>(x, limits);
}

template <int kWords>
__device__ LanePlanes<kFinePlanes> CutFinely(const float (&x)[kLaneElements], float& scale) {
  float largest = 0.0f;
#pragma unroll
  for (int i = 0; i < kLaneElements; ++i) {
    if (fabsf(x[i]) > largest) largest = fabsf(x[i]);
  }
  for (int apart = 1; apart < kVectorLanes<kWords>; apart *= 2) {
    largest = fmaxf(largest, __shfl_xor_sync(~0u, largest, apart));
  }
  const bool zero = largest < 0x1p-100f;
  scale = zero ? 0.0f : __fdiv_rn(largest, 7.0f);
  LanePlanes<kFinePlanes> planes{};
#pragma unroll
  for (int i = 0; i < kLaneElements; ++i) {
    const float value = zero ? 0.0f : rintf(__fdiv_rn(x[i], scale));
    const int code = isnan(value) ? 0 : static_cast<int>(value);
#pragma unroll
    for (int plane = 0; plane < kFinePlanes; ++plane) {
      planes.bits[plane] |= static_cast<uint32_t>((code >> plane) & 1) << i;
    }
  }
  return planes;
}

template <int kWords, VectorKind kKind, bool kWhole>
__device__ void Load(const CodeLayout& layout, const QueryJob& job, int64_t vector, int part,
                     float (&x)[kLaneElements]) {
  RawElements<kKind, kWhole> raw;
  const uint8_t* from = job.raw + vector * layout.head_dim * raw.kElementBytes;
  raw.template Load<kWords>(from, layout.head_dim, part);
  raw.Convert(x);
}

// Loads without shuffles: the lanes of a warp may belong to jobs of different kinds.
template <int kWords, bool kWhole>
__device__ void Load(const CodeLayout& layout, const QueryJob& job, int64_t vector, int part,
                     float (&x)[kLaneElements]) {
  switch (job.kind) {
    case VectorKind::kFloat16:
      return Load<kWords, VectorKind::kFloat16, kWhole>(layout, job, vector, part, x);
    case VectorKind::kBfloat16:
      return Load<kWords, VectorKind::kBfloat16, kWhole>(layout, job, vector, part, x);
    default:
      return Load<kWords, VectorKind::kFloat32, kWhole>(layout, job, vector, part, x);
  }
}

// Bytes of codes [planes, 4 * kWords] of one vector.
template <int kWords, int kPlanes>
__device__ void Store(const LanePlanes<kPlanes>& planes, int part, uint32_t* codes) {
  planes.template ForBytes<kWords>(part, [&](int plane, int byte, uint8_t value) {
    reinterpret_cast<uint8_t*>(codes)[plane * kWords * 4 + byte] = value;
  });
}

// A warp has several vectors. All its lanes do what any of them needs, those beyond the last
// vector too, because shuffles need them all.
template <int kWords, int kBits, bool kWhole>
__global__ void __launch_bounds__(kThreads)
    EncodeQueries(const CodeLayout layout, const QueryJob* jobs, int count, int64_t vectors) {
  const int64_t thread = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  const int part = static_cast<int>(threadIdx.x) % kVectorLanes<kWords>;
  const bool there = thread / kVectorLanes<kWords> < vectors;
  const int64_t item = min(thread / kVectorLanes<kWords>, vectors - 1);
  const QueryJob job = jobs[FindJob(jobs, count, item)];
  const int64_t vector = item - job.first_item;
  float x[kLaneElements];
  Load<kWords, kWhole>(layout, job, vector, part, x);
  __syncwarp();
  RotateVector<kWords>(x, part);
  const bool fine = job.scales != nullptr;
  if (__any_sync(~0u, fine)) {
    float scale;
    const LanePlanes<kFinePlanes> planes = CutFinely<kWords>(x, scale);
    if (fine && there) {
      Store<kWords>(planes, part, job.codes + vector * kFinePlanes * kWords);
      if (part == 0) job.scales[vector] = scale;
    }
  }
  if (__any_sync(~0u, !fine)) {
    const LanePlanes<kBits> planes = CutCoarsely<kWords, kBits>(x);
    if (!fine && there) Store<kWords>(planes, part, job.codes + vector * kBits * kWords);
  }
}

using QueryKernel = void (*)(CodeLayout, const QueryJob*, int, int64_t);

template <int kWords, int kBits>
QueryKernel KernelFor(const CodeLayout& layout) {
  return LoadsWhole(layout.head_dim) ? EncodeQueries<kWords, kBits, true>
                                     : EncodeQueries<kWords, kBits, false>;
}

template <int kWords>
QueryKernel KernelFor(const CodeLayout& layout) {
  return layout.bits == 1   ? KernelFor<kWords, 1>(layout)
         : layout.bits == 2 ? KernelFor<kWords, 2>(layout)
                            : KernelFor<kWords, 3>(layout);
}

QueryKernel KernelFor(const CodeLayout& layout) {
  return layout.words == 1   ? KernelFor<1>(layout)
         : layout.words == 2 ? KernelFor<2>(layout)
         : layout.words == 4 ? KernelFor<4>(layout)
                             : KernelFor<8>(layout);
}

}  // namespace

cudaError_t LaunchQueryEncoding(const CodeLayout& layout, const QueryJob* jobs, int count,
                                int64_t vectors, cudaStream_t stream) {
  const int per_block = kThreads / (2 * layout.words);
  KernelFor(layout)<<<BlocksFor(vectors, per_block), kThreads, 0, stream>>>(layout, jobs, count,
                                                                            vectors);
  return cudaGetLastError();
}

}  // namespace kvsift::cuda
