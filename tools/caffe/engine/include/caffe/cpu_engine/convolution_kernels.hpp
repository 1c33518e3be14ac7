#ifndef CAFFE_CPU_ENGINE_CONVOLUTION_KERNELS_HPP_
#define CAFFE_CPU_ENGINE_CONVOLUTION_KERNELS_HPP_

#include <stddef.h>

namespace caffe {
namespace cpu_engine {

// Winograd's convolution computes a tile of outputs from 6x6 inputs with 36 multiplications for
// each pair of channels: 4x4 outputs of a 3x3 kernel (144 directly), 2x2 of a 5x5 one (100).
const int kTile = 6;
const int kPoints = kTile * kTile;

// A matrix product C (+)= A B. C is rows x columns, C[i * c_row + j]; A is rows x depth,
// A[i * a_row + p * a_depth], one of the two strides being 1; B is depth x columns, in panels of
// ConvolutionKernels::panel columns, B[j / panel * b_panel + p * b_depth + j % panel] (b_panel
// equal to panel: no panels, just rows). `columns` is a multiple of the vector width. Each sum
// runs over p in ascending order and rounds once for each p, so that it does not depend on how rows
// and columns are shared out.
struct Product {
  int rows, columns, depth;
  const float* a;
  ptrdiff_t a_row, a_depth;
  const float* b;
  ptrdiff_t b_panel, b_depth;
  float* c;
  ptrdiff_t c_row;
  bool accumulate;  // add to C, else overwrite it
};

// A window onto some channels of an image, planes[c * plane + y * width + x], which may reach
// over its border: there a read gives 0 and a write is dropped.
struct Window {
  int channels;  // at most the vector width
  ptrdiff_t plane;
  int height, width;  // of the image
  int top, left;      // of the window, negative above and left of the image
  int rows, columns;  // of the window
};

// Kernels that convolution is made of.
//
// A staged window is [rows][columns][pixel_stride], a vector of channels at each pixel; where the
// stride is not given it is the vector width. Winograd's points are a vector of channels for each
// point and tile, points[point * point_stride + tile * tile_stride]; `kernel` is 3 or 5, and the
// tiles of a row lie 6 - kernel + 1 columns apart.
struct ConvolutionKernels {
  int width;  // floats in a vector
  int panel;  // columns that a matrix product takes at once

  void (*multiply)(const Product& product);

  // Image to staged window, and back, where it overwrites what lies inside the image.
  void (*stage)(const Window& window, const float* planes, float* staged, ptrdiff_t pixel_stride);
  void (*unstage)(const Window& window, const float* staged, float* planes);

  // B' d B: the points of a row of 6x6 inputs.
  void (*winograd_input)(int kernel, int tiles, const float* staged, int columns, float* points,
                         ptrdiff_t point_stride, ptrdiff_t tile_stride);
  // A' m A: the outputs of a row of tiles, plus a bias for each channel (NULL: none).
  void (*winograd_output)(int kernel, int tiles, const float* points, ptrdiff_t point_stride,
                          ptrdiff_t tile_stride, const float* bias, float* staged, int columns);
  // A d A': what takes a gradient from the outputs to the points.
  void (*winograd_output_gradient)(int kernel, int tiles, const float* staged, int columns,
                                   float* points, ptrdiff_t point_stride, ptrdiff_t tile_stride);
  // G g G': the points of `lanes` filters, filters[lane * lane_stride + tap], turned by 180
  // degrees or not. Lanes that are not given become 0.
  void (*winograd_filter)(int kernel, int lanes, const float* filters, ptrdiff_t lane_stride,
                          bool turned, float* points, ptrdiff_t point_stride);
  // filters += G' u G: what takes a gradient from the points, the sum of `parts` sets of them
  // part_stride apart, to the filters.
  void (*winograd_filter_gradient)(int kernel, int lanes, const float* points,
                                   ptrdiff_t point_stride, int parts, ptrdiff_t part_stride,
                                   float* filters, ptrdiff_t lane_stride);
};

}  // namespace cpu_engine
}  // namespace caffe

#endif  // CAFFE_CPU_ENGINE_CONVOLUTION_KERNELS_HPP_
