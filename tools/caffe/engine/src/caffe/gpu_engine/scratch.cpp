#ifndef CPU_ONLY
#include "caffe/gpu_engine/scratch.hpp"

#include "caffe/common.hpp"

namespace caffe {
namespace gpu_engine {

// Memory on the device that was current when it was reserved; it only grows.
class Scratch {
 public:
  Scratch() : data_(NULL), bytes_(0), device_(0) {}
  ~Scratch() { cudaFree(data_); }

  void* reserve(size_t bytes) {
    int device;
    CUDA_CHECK(cudaGetDevice(&device));
    if (bytes > bytes_ || device != device_) {
      // Waits for what still works in it.
      CUDA_CHECK(cudaFree(data_));
      data_ = NULL;
      bytes_ = 0;
      CUDA_CHECK(cudaMalloc(&data_, bytes));
      bytes_ = bytes;
      device_ = device;
    }
    return data_;
  }

 private:
  void* data_;
  size_t bytes_;
  int device_;

  DISABLE_COPY_AND_ASSIGN(Scratch);
};

void* gpu_scratch(size_t bytes) {
  static thread_local Scratch of_thread;
  return bytes == 0 ? NULL : of_thread.reserve(bytes);
}

}  // namespace gpu_engine
}  // namespace caffe
#endif  // CPU_ONLY
