#include "caffe/cpu_engine/convolution.hpp"

#include <vector>

#include "caffe/cpu_engine/convolution_kernels.hpp"
#include "caffe/cpu_engine/parallel.hpp"

namespace caffe {
namespace cpu_engine {

bool winograd_applies(const ConvolutionShape& s) {
  const int kernel = s.kernel_h / s.stride_h;  // that each phase of the input sees
  const bool square = s.kernel_h == s.kernel_w && s.stride_h == s.stride_w && s.stride_h <= 2 &&
                      s.kernel_h % s.stride_h == 0;
  const bool plain = s.group == 1 && s.dilation_h == 1 && s.dilation_w == 1;
  // Phases lie side by side in whole vectors of channels.
  const bool whole = s.stride_h == 1 || s.channels % kCacheLine == 0;
  // With a few channels on both sides, transforming costs more than it saves; on maps smaller
  // than a tile or two, most of a tile is padding.
  return square && plain && whole && (kernel == 2 || kernel == 3 || kernel == 5) &&
         s.channels + s.outputs >= 24 && s.out_height >= 4 && s.out_width >= 4;
}

bool narrow_applies(const ConvolutionShape& s) {
  const bool plain = s.group == 1 && s.stride_h == 1 && s.stride_w == 1 && s.dilation_h == 1 &&
                     s.dilation_w == 1;
  // Of short rows, vectors would be mostly empty.
  return plain && s.kernel_h == 3 && s.kernel_w == 3 && s.pad_h == 1 && s.pad_w == 1 &&
         s.outputs <= kMostNarrow && s.width >= kCacheLine;
}

void convolution_forward(const Kernels& kernels, const ConvolutionShape& shape,
                         const float* bottom, const float* weight, const float* bias,
                         FilterPoints* kept, float* top) {
  const ConvolutionKernels& k = *kernels.convolution;
  if (narrow_applies(shape)) {
    narrow_forward(k, shape, bottom, weight, bias, top);
  } else if (winograd_applies(shape)) {
    winograd_forward(k, shape, bottom, weight, bias, kept, top);
  } else {
    columns_forward(k, shape, bottom, weight, bias, top);
  }
}

void convolution_backward_data(const Kernels& kernels, const ConvolutionShape& shape,
                               const float* top_diff, const float* weight, float* bottom_diff) {
  (winograd_applies(shape) ? winograd_backward_data : columns_backward_data)(
      *kernels.convolution, shape, top_diff, weight, bottom_diff);
}

void convolution_backward_weights(const Kernels& kernels, const ConvolutionShape& shape,
                                  const float* bottom, const float* top_diff, float* weight_diff) {
  (winograd_applies(shape) ? winograd_backward_weights : columns_backward_weights)(
      *kernels.convolution, shape, bottom, top_diff, weight_diff);
}

void convolution_backward_bias(int num, int maps, int size, const float* diff, float* bias_diff) {
  std::vector<double> sums(num * maps);  // of each map of each image, taken as they lie in memory
  in_parallel(threads(), [&](int thread, int threads) {
    const Share share(num * maps, thread, threads);
    for (int index = share.begin; index < share.end; ++index) {
      const float* const map = diff + static_cast<ptrdiff_t>(index) * size;
      float part[kCacheLine] = {};  // sums side by side, which a compiler may put into a vector
      int i = 0;
      for (; i + kCacheLine <= size; i += kCacheLine) {
        for (int j = 0; j < kCacheLine; ++j) part[j] += map[i + j];
      }
      double sum = 0;
      for (int j = 0; j < kCacheLine; ++j) sum += part[j];
      for (; i < size; ++i) sum += map[i];
      sums[index] = sum;
    }
  });
  for (int k = 0; k < maps; ++k) {
    double sum = 0;
    for (int n = 0; n < num; ++n) sum += sums[n * maps + k];
    bias_diff[k] += sum;
  }
}

}  // namespace cpu_engine
}  // namespace caffe
