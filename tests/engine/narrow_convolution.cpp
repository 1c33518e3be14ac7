// What test_narrow_convolution.py calls by ctypes: the kernels' launches, and the little of Caffe that
// they need.
#include "caffe/gpu_engine/narrow_convolution.hpp"

#include <vector>

using namespace caffe::gpu_engine;

extern "C" {

bool has_forward(const ConvolutionShape& shape) { return has_narrow_forward(shape); }
bool has_filter_gradient(const ConvolutionShape& shape) {
  return has_narrow_filter_gradient(shape);
}
void forward(const ConvolutionShape& shape, const float* x, const float* w, float* y) {
  narrow_forward(shape, x, w, y);
}
void data_gradient(const ConvolutionShape& shape, const float* w, const float* dy, float* dx) {
  narrow_data_gradient(shape, w, dy, dx);
}
void filter_gradient(const ConvolutionShape& shape, const float* x, const float* dy, float* dw) {
  std::vector<char> workspace(narrow_filter_gradient_bytes(shape));
  narrow_filter_gradient(shape, x, dy, workspace.data(), dw);
}

}
