#ifndef CAFFE_GPU_ENGINE_CUDNN_CONVOLUTION_HPP_
#define CAFFE_GPU_ENGINE_CUDNN_CONVOLUTION_HPP_
#ifdef USE_CUDNN

#include <cudnn.h>

#include <string>

#include "caffe/common.hpp"
#include "caffe/gpu_engine/convolution_plans.hpp"
#include "caffe/gpu_engine/convolution_shape.hpp"

namespace caffe {
namespace gpu_engine {

// One convolution on the GPU. Each pass takes the quickest algorithm that gives the same bits each
// time and works in the memory that there is for it: a sixteenth of the card's, or the environment's
// CAFFE_WORKSPACE_MIB. What needs more for all images may do with some at a time. Floats are
// multiplied as such; in TF32 where CAFFE_TF32 is set.
template <typename Dtype>
class CudnnConvolution {
 public:
  CudnnConvolution();
  ~CudnnConvolution();

  void Reshape(const ConvolutionShape& shape);

  // y = w * x
  void Forward(const Dtype* x, const Dtype* w, Dtype* y);
  // dw += what dy makes of it
  void AddFilterGradient(const Dtype* x, const Dtype* dy, Dtype* dw);
  // dx = what dy makes of it
  void DataGradient(const Dtype* w, const Dtype* dy, Dtype* dx);

  // A value for each of y's channels, and its gradient; both are added.
  void AddBias(const Dtype* bias, Dtype* y);
  void AddBiasGradient(const Dtype* dy, Dtype* dbias);
  // The same of x, where DataGradient is a deconvolution's forward pass.
  void AddInputBias(const Dtype* bias, Dtype* x);
  void AddInputBiasGradient(const Dtype* dx, Dtype* dbias);

 private:
  // One way through the convolution, and its plan once it has been asked for. Its x_ and y_ are those
  // of a piece: as many images as the plan takes at once.
  struct Pass {
    const char* name;
    bool planned;
    ConvolutionPlan plan;
    cudnnTensorDescriptor_t x, y;
    int images;
  };

  std::string key(const Pass& pass) const;
  void set_pieces(int pieces, Pass* pass);
  // Sees that `pass` has a plan. Where none is kept, try_all(workspace, bytes, &count, found) tries
  // cuDNN's algorithms on a piece, size_of(algorithm, &bytes) asks what one needs for that, and
  // try_own(workspace) tries our own on all images.
  template <typename Performance, int kMost, typename TryAll, typename SizeOf, typename TryOwn>
  void Plan(Pass* pass, const TryAll& try_all, const SizeOf& size_of, bool has_own,
            size_t own_bytes, const TryOwn& try_own);
  // The workspace of a planned pass; sets its kind of products.
  void* Ready(const Pass& pass);
  // Calls run(x offset, y offset), in values, for each piece.
  template <typename Run>
  void InPieces(const Pass& pass, const Run& run);
  bool has_own(bool (*fits)(const ConvolutionShape&)) const {
    return sizeof(Dtype) == sizeof(float) && fits(shape_);
  }

  ConvolutionShape shape_;
  bool shaped_;
  cudnnTensorDescriptor_t x_, y_, x_bias_, y_bias_;
  cudnnFilterDescriptor_t w_;
  cudnnConvolutionDescriptor_t convolution_;
  Pass forward_, filter_gradient_, data_gradient_;

  DISABLE_COPY_AND_ASSIGN(CudnnConvolution);
};

}  // namespace gpu_engine
}  // namespace caffe

#endif  // USE_CUDNN
#endif  // CAFFE_GPU_ENGINE_CUDNN_CONVOLUTION_HPP_
