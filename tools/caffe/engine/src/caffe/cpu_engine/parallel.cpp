#include "caffe/cpu_engine/parallel.hpp"

#include <cstdint>
#include <new>

namespace caffe {
namespace cpu_engine {

Workspace& Workspace::of_this_thread() {
  static thread_local Workspace workspace;
  return workspace;
}

float* Workspace::reserve(size_t floats) {
  const size_t line = kCacheLine * sizeof(float);
  if (floats > floats_) {
    ::operator delete(memory_);
    memory_ = NULL;
    floats_ = 0;
    memory_ = ::operator new(floats * sizeof(float) + line);
    floats_ = floats;
  }
  const uintptr_t address = reinterpret_cast<uintptr_t>(memory_);
  return reinterpret_cast<float*>((address + line - 1) / line * line);
}

}  // namespace cpu_engine
}  // namespace caffe
