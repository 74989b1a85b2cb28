// A second process on the GPU: keeps its multiprocessors busy with multiplications, as an inference
// worker's matrix kernels do, until it is told to stop (SIGTERM) or its time is over.
//
//   kvsift_gpu_load [--seconds 60] [--kernel-us 1000] [--free-multiprocessors 0]
//
// Prints "busy" once kernels run, and at the end how many ran and how long each took.
#include <cuda_runtime.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

volatile std::sig_atomic_t stopped = 0;

void Check(cudaError_t error) {
  if (error == cudaSuccess) return;
  std::fprintf(stderr, "kvsift_gpu_load: %s\n", cudaGetErrorString(error));
  std::exit(1);
}

// Fills every slot of a multiprocessor for `iterations` dependent multiplications.
__global__ void __launch_bounds__(1024) Multiply(float* out, long long iterations) {
  float a = threadIdx.x * 1e-3f;
  float b = 1.0f + blockIdx.x * 1e-6f;
  float c = 0.5f;
  float d = 0.25f;
  for (long long i = 0; i < iterations; ++i) {
    a = a * b + c;
    c = c * b + d;
    d = d * b + a * 1e-9f;
  }
  if (a + c + d == 1.2345f) out[0] = a;  // never, but the compiler cannot know
}

struct Options {
  double seconds = 60;
  double kernel_us = 1000;
  int free_multiprocessors = 0;
};

Options Parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; i += 2) {
    const double value = i + 1 < argc ? std::atof(argv[i + 1]) : -1;
    if (std::strcmp(argv[i], "--seconds") == 0 && value > 0) {
      options.seconds = value;
    } else if (std::strcmp(argv[i], "--kernel-us") == 0 && value > 0) {
      options.kernel_us = value;
    } else if (std::strcmp(argv[i], "--free-multiprocessors") == 0 && value >= 0) {
      options.free_multiprocessors = static_cast<int>(value);
    } else {
      std::fprintf(stderr, "kvsift_gpu_load: bad option %s\n", argv[i]);
      std::exit(2);
    }
  }
  return options;
}

class Load {
 public:
  explicit Load(int free_multiprocessors) {
    cudaDeviceProp device;
    Check(cudaGetDeviceProperties(&device, 0));
    int blocks = 0;
    Check(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, Multiply, 1024, 0));
    const int multiprocessors = device.multiProcessorCount - free_multiprocessors;
    if (multiprocessors < 1) std::exit(2);
    blocks_ = blocks * multiprocessors;
    Check(cudaMalloc(&out_, sizeof(float)));
  }
  ~Load() { cudaFree(out_); }

  // Microseconds of one kernel.
  double Run(long long iterations) {
    const auto begin = std::chrono::steady_clock::now();
    Multiply<<<blocks_, 1024>>>(out_, iterations);
    Check(cudaGetLastError());
    Check(cudaDeviceSynchronize());
    const std::chrono::duration<double, std::micro> took = std::chrono::steady_clock::now() - begin;
    return took.count();
  }

  // Starts one and does not wait, so that the device never idles between two.
  void Start(long long iterations) {
    Multiply<<<blocks_, 1024>>>(out_, iterations);
    Check(cudaGetLastError());
  }

 private:
  int blocks_ = 0;
  float* out_ = nullptr;
};

}  // namespace

int main(int argc, char** argv) {
  const Options options = Parse(argc, argv);
  std::signal(SIGTERM, [](int) { stopped = 1; });
  Load load(options.free_multiprocessors);
  constexpr long long kProbe = 100000;
  load.Run(kProbe);
  const double probe_us = load.Run(kProbe);
  const auto iterations = static_cast<long long>(kProbe * options.kernel_us / probe_us) + 1;
  std::printf("busy: kernels of %.0f us\n", load.Run(iterations));
  std::fflush(stdout);
  const auto begin = std::chrono::steady_clock::now();
  std::chrono::duration<double> elapsed(0);
  long long kernels = 0;
  while (stopped == 0 && elapsed.count() < options.seconds) {
    for (int i = 0; i < 4; ++i) load.Start(iterations);
    Check(cudaDeviceSynchronize());
    kernels += 4;
    elapsed = std::chrono::steady_clock::now() - begin;
  }
  std::printf("%lld kernels of %.0f us\n", kernels, elapsed.count() * 1e6 / kernels);
  return 0;
}
