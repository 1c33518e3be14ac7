#include "caffe/gpu_engine/arrays.hpp"

#include <algorithm>

#include "caffe/common.hpp"

namespace caffe {
namespace gpu_engine {

const int kMost = 64;      // arrays of one launch: a kernel's arguments have 4 KiB
const int kBlocks = 32;    // for each array
const int kThreads = 256;  // in a block

// The arrays of one launch, as an argument.
template <typename Array>
struct Arrays {
  int count;
  Array of[kMost];
};

// Each array, and each of its values, once in the whole grid.
#define FOR_VALUES(arrays, array, i)                                           \
  for (int array = blockIdx.y; array < arrays.count; array += gridDim.y)       \
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < arrays.of[array].count; \
         i += blockDim.x * gridDim.x)

template <typename Dtype>
__global__ void adam_kernel(Arrays<AdamStep<Dtype> > steps, Dtype beta1, Dtype beta2, Dtype eps) {
  FOR_VALUES(steps, step, i) {
    const AdamStep<Dtype>& of = steps.of[step];
    const Dtype g = of.g[i];
    const Dtype m = of.m[i] = of.m[i] * beta1 + g * (1 - beta1);
    const Dtype v = of.v[i] = of.v[i] * beta2 + g * g * (1 - beta2);
    of.g[i] = of.rate * m / (sqrt(v) + eps);
  }
}

template <typename Dtype>
__global__ void subtract_kernel(Arrays<Parameter<Dtype> > parameters) {
  FOR_VALUES(parameters, parameter, i) {
    parameters.of[parameter].data[i] -= parameters.of[parameter].diff[i];
  }
}

template <typename Dtype>
__global__ void clear_kernel(Arrays<Parameter<Dtype> > parameters) {
  FOR_VALUES(parameters, parameter, i) { parameters.of[parameter].diff[i] = 0; }
}

static dim3 grid_of(int arrays) { return dim3(kBlocks, arrays); }

// Calls launch(part) with all of `arrays`, as many at a time as fit.
template <typename Array, typename Launch>
static void in_parts(const std::vector<Array>& arrays, const Launch& launch) {
  for (size_t begin = 0; begin < arrays.size(); begin += kMost) {
    Arrays<Array> part;
    part.count = std::min<size_t>(kMost, arrays.size() - begin);
    std::copy_n(arrays.begin() + begin, part.count, part.of);
    launch(part);
    CUDA_POST_KERNEL_CHECK;
  }
}

template <typename Dtype>
void adam_updates(const std::vector<AdamStep<Dtype> >& steps, Dtype beta1, Dtype beta2,
                  Dtype eps) {
  in_parts(steps, [=](const Arrays<AdamStep<Dtype> >& part) {
    adam_kernel<Dtype><<<grid_of(part.count), kThreads>>>(part, beta1, beta2, eps);
  });
}

template <typename Dtype>
void subtract_updates(const std::vector<Parameter<Dtype> >& parameters) {
  in_parts(parameters, [](const Arrays<Parameter<Dtype> >& part) {
    subtract_kernel<Dtype><<<grid_of(part.count), kThreads>>>(part);
  });
}

template <typename Dtype>
void clear_diffs(const std::vector<Parameter<Dtype> >& parameters) {
  in_parts(parameters, [](const Arrays<Parameter<Dtype> >& part) {
    clear_kernel<Dtype><<<grid_of(part.count), kThreads>>>(part);
  });
}

#define INSTANTIATE(Dtype)                                                                    \
  template void adam_updates<Dtype>(const std::vector<AdamStep<Dtype> >&, Dtype, Dtype, Dtype); \
  template void subtract_updates<Dtype>(const std::vector<Parameter<Dtype> >&);               \
  template void clear_diffs<Dtype>(const std::vector<Parameter<Dtype> >&)
INSTANTIATE(float);
INSTANTIATE(double);

}  // namespace gpu_engine
}  // namespace caffe
