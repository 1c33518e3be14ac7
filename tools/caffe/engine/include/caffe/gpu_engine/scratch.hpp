#ifndef CAFFE_GPU_ENGINE_SCRATCH_HPP_
#define CAFFE_GPU_ENGINE_SCRATCH_HPP_

#include <cstddef>

namespace caffe {
namespace gpu_engine {

// Memory on the GPU for what a layer needs within one Forward or Backward: at
// least `bytes` (0: NULL). All layers of a thread share it: they follow one
// another on the default stream.
void* gpu_scratch(size_t bytes);

}  // namespace gpu_engine
}  // namespace caffe

#endif  // CAFFE_GPU_ENGINE_SCRATCH_HPP_
