#ifndef CAFFE_GPU_ENGINE_BLOCK_CUH_
#define CAFFE_GPU_ENGINE_BLOCK_CUH_

// What the threads of a block do together. tools/caffe/cuda_on_cpu has a block of one thread.

namespace caffe {
namespace gpu_engine {

const int kThreads = 256;  // in a block, at the most; eight warps

// Waits until all threads have come here, and sees what they wrote.
static __device__ __forceinline__ void block_barrier() { __syncthreads(); }

// What a thread adds its own values up in: there are few of them.
template <typename Dtype>
using ThreadSum = Dtype;

// The sum of all kThreads threads' values, which each of them gets; always added in the same order.
template <typename T>
__device__ T block_sum(T value) {
  const int kWarp = 32;
  __shared__ T sums[kThreads / kWarp];
  for (int step = kWarp / 2; step > 0; step /= 2) {
    value += __shfl_xor_sync(0xffffffff, value, step);
  }
  __syncthreads();  // until nobody reads the last call's sums any more
  if (threadIdx.x % kWarp == 0) {
    sums[threadIdx.x / kWarp] = value;
  }
  __syncthreads();
  T total = sums[0];
  for (int warp = 1; warp < kThreads / kWarp; ++warp) {
    total += sums[warp];
  }
  return total;
}

}  // namespace gpu_engine
}  // namespace caffe

#endif  // CAFFE_GPU_ENGINE_BLOCK_CUH_
