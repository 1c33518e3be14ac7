#ifndef CAFFE_GPU_ENGINE_NARROW_CONVOLUTION_HPP_
#define CAFFE_GPU_ENGINE_NARROW_CONVOLUTION_HPP_

#include <cstddef>

#include "caffe/gpu_engine/convolution_shape.hpp"

// Convolutions with few maps, 1 to 4, on one side: what a net of faces begins with and a generator
// ends in. Code made for products of large matrices leaves most of its threads without work there;
// this reads the many maps once, and that is nearly all the time it takes. Floats; all sums are added
// in the same order each time. All pointers are to the GPU's memory.

namespace caffe {
namespace gpu_engine {

// Forward and for the gradient of the data: few outputs; kernel 3, pad 1, stride 1.
bool has_narrow_forward(const ConvolutionShape& shape);
// For the gradient of the filters: that, or few channels; kernel 3 or 4.
bool has_narrow_filter_gradient(const ConvolutionShape& shape);

// y = w * x
void narrow_forward(const ConvolutionShape& shape, const float* x, const float* w, float* y);
// dx = what dy makes of it
void narrow_data_gradient(const ConvolutionShape& shape, const float* w, const float* dy,
                          float* dx);
// dw += what dy makes of it; `workspace` has narrow_filter_gradient_bytes(shape).
void narrow_filter_gradient(const ConvolutionShape& shape, const float* x, const float* dy,
                            void* workspace, float* dw);
size_t narrow_filter_gradient_bytes(const ConvolutionShape& shape);

}  // namespace gpu_engine
}  // namespace caffe

#endif  // CAFFE_GPU_ENGINE_NARROW_CONVOLUTION_HPP_
