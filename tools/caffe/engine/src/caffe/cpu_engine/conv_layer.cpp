// What ConvolutionLayer and DeconvolutionLayer do with floats where the engine is on. Each function
// returns false where Caffe's own code is to run.
#include "caffe/layers/conv_layer.hpp"

#include <vector>

#include "caffe/cpu_engine/convolution.hpp"
#include "caffe/cpu_engine/filter_points.hpp"
#include "caffe/layers/deconv_layer.hpp"

namespace caffe {

// A deconvolution in groups, as where each map is enlarged by itself, is faster by Caffe's own
// code.
template <>
bool BaseConvolutionLayer<float>::engine_applies(const Blob<float>& bottom) {
  return layer_param_.convolution_param().engine() != ConvolutionParameter_Engine_CAFFE &&
         cpu_engine::kernels() != NULL && num_spatial_axes_ == 2 && channel_axis_ == 1 &&
         !force_nd_im2col_ && bottom.count() > 0 && !(reverse_dimensions() && group_ > 1);
}

template <>
cpu_engine::ConvolutionShape BaseConvolutionLayer<float>::engine_shape(const Blob<float>& bottom,
                                                                       const Blob<float>& top) {
  const Blob<float>& in = reverse_dimensions() ? top : bottom;
  const Blob<float>& out = reverse_dimensions() ? bottom : top;
  const int* const kernel = kernel_shape_.cpu_data();
  const int* const pad = pad_.cpu_data();
  const int* const stride = stride_.cpu_data();
  const int* const dilation = dilation_.cpu_data();
  const cpu_engine::ConvolutionShape shape = {
      in.shape(0),  in.shape(1),  in.shape(2), in.shape(3), out.shape(1), out.shape(2),
      out.shape(3), group_,       kernel[0],   kernel[1],   pad[0],       pad[1],
      stride[0],    stride[1],    dilation[0], dilation[1]};
  return shape;
}

template <>
bool ConvolutionLayer<float>::engine_forward(const vector<Blob<float>*>& bottom,
                                             const vector<Blob<float>*>& top) {
  if (!engine_applies(*bottom[0])) {
    return false;
  }
  const float* const bias = bias_term_ ? blobs_[1]->cpu_data() : NULL;
  // In training, filters are new in every iteration.
  if (this->phase_ == TEST && !filter_points_) {
    filter_points_.reset(new cpu_engine::FilterPoints());
  }
  for (int i = 0; i < bottom.size(); ++i) {
    cpu_engine::convolution_forward(*cpu_engine::kernels(), engine_shape(*bottom[i], *top[i]),
                                    bottom[i]->cpu_data(), blobs_[0]->cpu_data(), bias,
                                    filter_points_.get(), top[i]->mutable_cpu_data());
  }
  return true;
}

// A deconvolution goes forward as a convolution from top to bottom goes backward, and back as that
// goes forward.
template <>
bool DeconvolutionLayer<float>::engine_forward(const vector<Blob<float>*>& bottom,
                                               const vector<Blob<float>*>& top) {
  if (!engine_applies(*bottom[0])) {
    return false;
  }
  for (int i = 0; i < bottom.size(); ++i) {
    float* const top_data = top[i]->mutable_cpu_data();
    cpu_engine::convolution_backward_data(*cpu_engine::kernels(),
                                          engine_shape(*bottom[i], *top[i]),
                                          bottom[i]->cpu_data(), blobs_[0]->cpu_data(), top_data);
    for (int n = 0; bias_term_ && n < num_; ++n) {
      forward_cpu_bias(top_data + n * top_dim_, blobs_[1]->cpu_data());
    }
  }
  return true;
}

template <>
bool BaseConvolutionLayer<float>::engine_backward(const vector<Blob<float>*>& top,
                                                  const vector<bool>& propagate_down,
                                                  const vector<Blob<float>*>& bottom) {
  if (!engine_applies(*bottom[0])) {
    return false;
  }
  const cpu_engine::Kernels& kernels = *cpu_engine::kernels();
  for (int i = 0; i < top.size(); ++i) {
    const cpu_engine::ConvolutionShape shape = engine_shape(*bottom[i], *top[i]);
    const float* const top_diff = top[i]->cpu_diff();
    if (bias_term_ && param_propagate_down_[1]) {
      cpu_engine::convolution_backward_bias(num_, num_output_, out_spatial_dim_, top_diff,
                                            blobs_[1]->mutable_cpu_diff());
    }
    if (param_propagate_down_[0]) {
      const float* const bottom_data = bottom[i]->cpu_data();
      cpu_engine::convolution_backward_weights(
          kernels, shape, reverse_dimensions() ? top_diff : bottom_data,
          reverse_dimensions() ? bottom_data : top_diff, blobs_[0]->mutable_cpu_diff());
    }
    if (propagate_down[i] && reverse_dimensions()) {
      cpu_engine::convolution_forward(kernels, shape, top_diff, blobs_[0]->cpu_data(), NULL, NULL,
                                      bottom[i]->mutable_cpu_diff());
    } else if (propagate_down[i]) {
      cpu_engine::convolution_backward_data(kernels, shape, top_diff, blobs_[0]->cpu_data(),
                                            bottom[i]->mutable_cpu_diff());
    }
  }
  return true;
}

}  // namespace caffe
