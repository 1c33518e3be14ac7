#ifndef CAFFE_GPU_ENGINE_PACK_HPP_
#define CAFFE_GPU_ENGINE_PACK_HPP_

namespace caffe {
namespace gpu_engine {

// Values that lie beside each other and are read or written at once; their address is a multiple of
// their size.
template <typename Dtype, int kWidth>
struct alignas(kWidth * sizeof(Dtype)) Pack {
  Dtype of[kWidth];
};

}  // namespace gpu_engine
}  // namespace caffe

#endif  // CAFFE_GPU_ENGINE_PACK_HPP_
