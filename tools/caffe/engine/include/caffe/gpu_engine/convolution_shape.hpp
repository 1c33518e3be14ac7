#ifndef CAFFE_GPU_ENGINE_CONVOLUTION_SHAPE_HPP_
#define CAFFE_GPU_ENGINE_CONVOLUTION_SHAPE_HPP_

#include <algorithm>

namespace caffe {
namespace gpu_engine {

// Maps x, `channels` of height x width, and what is made of them, `outputs` maps y.
struct ConvolutionShape {
  int images, channels, height, width;
  int outputs, out_height, out_width;
  int kernel_h, kernel_w, pad_h, pad_w, stride_h, stride_w, groups;

  bool operator==(const ConvolutionShape& other) const {
    return std::equal(&images, &groups + 1, &other.images);
  }
  int x_size() const { return channels * height * width; }  // of an image
  int y_size() const { return outputs * out_height * out_width; }
  int weights() const { return outputs * (channels / groups) * kernel_h * kernel_w; }
};

}  // namespace gpu_engine
}  // namespace caffe

#endif  // CAFFE_GPU_ENGINE_CONVOLUTION_SHAPE_HPP_
