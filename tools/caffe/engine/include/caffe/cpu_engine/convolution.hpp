#ifndef CAFFE_CPU_ENGINE_CONVOLUTION_HPP_
#define CAFFE_CPU_ENGINE_CONVOLUTION_HPP_

#include "caffe/cpu_engine/dispatch.hpp"

namespace caffe {
namespace cpu_engine {

class FilterPoints;

// A two-dimensional convolution, as Caffe's ConvolutionParameter describes it.
struct ConvolutionShape {
  int num;                                      // images
  int channels, height, width;                  // of the input, num x channels x height x width
  int outputs, out_height, out_width;           // of the output, likewise
  int group;                                    // outputs of a group see its channels only
  int kernel_h, kernel_w, pad_h, pad_w;         // weights: outputs x channels / group x h x w
  int stride_h, stride_w, dilation_h, dilation_w;

  int image_size() const { return height * width; }
  int out_size() const { return out_height * out_width; }
  int taps() const { return kernel_h * kernel_w; }
};

// All arrays are float, in Caffe's order. Results are the same bits in every run with the same
// number of threads, and but for those of backward_weights, with any number.

// top = weight * bottom + bias (NULL: none). `kept` is the layer's, where the same weights come
// again and again (NULL: they do not).
void convolution_forward(const Kernels& kernels, const ConvolutionShape& shape,
                         const float* bottom, const float* weight, const float* bias,
                         FilterPoints* kept, float* top);

// bottom_diff = the gradient with respect to bottom.
void convolution_backward_data(const Kernels& kernels, const ConvolutionShape& shape,
                               const float* top_diff, const float* weight, float* bottom_diff);

// weight_diff += the gradient with respect to weight.
void convolution_backward_weights(const Kernels& kernels, const ConvolutionShape& shape,
                                  const float* bottom, const float* top_diff, float* weight_diff);

// bias_diff += the gradient with respect to bias, of num x maps x size gradients.
void convolution_backward_bias(int num, int maps, int size, const float* diff, float* bias_diff);

// How the three are done: by Winograd's algorithm where it applies and pays, else by columns; but
// forward to few maps, straight from rows of the input.
bool narrow_applies(const ConvolutionShape& shape);
void narrow_forward(const ConvolutionKernels& k, const ConvolutionShape& shape,
                    const float* bottom, const float* weight, const float* bias, float* top);
bool winograd_applies(const ConvolutionShape& shape);
void winograd_forward(const ConvolutionKernels& k, const ConvolutionShape& shape,
                      const float* bottom, const float* weight, const float* bias,
                      FilterPoints* kept, float* top);
void winograd_backward_data(const ConvolutionKernels& k, const ConvolutionShape& shape,
                            const float* top_diff, const float* weight, float* bottom_diff);
void winograd_backward_weights(const ConvolutionKernels& k, const ConvolutionShape& shape,
                               const float* bottom, const float* top_diff, float* weight_diff);
void columns_forward(const ConvolutionKernels& k, const ConvolutionShape& shape,
                     const float* bottom, const float* weight, const float* bias, float* top);
void columns_backward_data(const ConvolutionKernels& k, const ConvolutionShape& shape,
                           const float* top_diff, const float* weight, float* bottom_diff);
void columns_backward_weights(const ConvolutionKernels& k, const ConvolutionShape& shape,
                              const float* bottom, const float* top_diff, float* weight_diff);

}  // namespace cpu_engine
}  // namespace caffe

#endif  // CAFFE_CPU_ENGINE_CONVOLUTION_HPP_
