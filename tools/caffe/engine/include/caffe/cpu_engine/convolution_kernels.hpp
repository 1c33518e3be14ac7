#ifndef CAFFE_CPU_ENGINE_CONVOLUTION_KERNELS_HPP_
#define CAFFE_CPU_ENGINE_CONVOLUTION_KERNELS_HPP_

#include <stddef.h>

namespace caffe {
namespace cpu_engine {

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

// Winograd's convolution computes a tile of step x step outputs from tile x tile inputs, with
// tile x tile multiplications for each pair of channels: 4x4 outputs of a 2x2 kernel with 25 (64
// directly), 4x4 of a 3x3 one with 36 (144), 2x2 of a 5x5 one with 36 (100).
constexpr int winograd_tile(int kernel) { return kernel == 2 ? 5 : 6; }

// A row of tiles in a staged window: the distances, in floats, between rows and columns of a
// tile's pixels. Tiles lie step columns apart.
struct TileRow {
  int tiles;
  ptrdiff_t y_stride, x_stride;
};

// The taps of a phase among all of a filter's, which are staged as pixels are.
struct Taps {
  int first, down, across;  // the first one's place, and the distances to the next

  int at(int y, int x) const { return first + y * down + x * across; }
};

// Winograd's transforms for one size of kernel. Points are a vector of channels for each point and
// tile, points[point * point_stride + tile * tile_stride].
struct WinogradKernels {
  // B' d B: the points of inputs.
  void (*input)(const TileRow& row, const float* staged, float* points, ptrdiff_t point_stride,
                ptrdiff_t tile_stride);
  // A' m A: the outputs, plus a bias for each channel (NULL: none).
  void (*output)(const TileRow& row, const float* points, ptrdiff_t point_stride,
                 ptrdiff_t tile_stride, const float* bias, float* staged);
  // A d A': what takes a gradient from the outputs to the points.
  void (*output_gradient)(const TileRow& row, const float* staged, float* points,
                          ptrdiff_t point_stride, ptrdiff_t tile_stride);
  // G g G': the points of staged filters.
  void (*filter)(const Taps& taps, const float* staged, float* points, ptrdiff_t point_stride);
  // staged += G' u G: what takes a gradient from the points, the sum of `parts` sets of them
  // part_stride apart, to the filters.
  void (*filter_gradient)(const Taps& taps, const float* points, ptrdiff_t point_stride, int parts,
                          ptrdiff_t part_stride, float* staged);
};

// The most maps that a narrow convolution has.
const int kMostNarrow = 4;

// Some channels of an image, in[c * plane + y * width + x], and the rows [begin, end) of the output
// of a 3x3 convolution, padded by 1: out[map * plane + y * width + x].
struct NarrowRows {
  int channels, height, width;
  int begin, end;
  const float* in;

  ptrdiff_t plane() const { return static_cast<ptrdiff_t>(height) * width; }
};

// Kernels that convolution is made of. A staged window is [rows][columns][pixel_stride], a vector
// of channels at each pixel; where the stride is not given it is the vector width.
struct ConvolutionKernels {
  int width;  // floats in a vector
  int panel;  // columns that a matrix product takes at once

  void (*multiply)(const Product& product);

  // Image to staged window, and back, where it overwrites what lies inside the image.
  void (*stage)(const Window& window, const float* planes, float* staged, ptrdiff_t pixel_stride);
  void (*unstage)(const Window& window, const float* staged, float* planes);

  // out += weights * in, with weights[map * weight_stride + (channel * 3 + ky) * 3 + kx]; for 1, 2,
  // ... maps.
  void (*add_narrow[kMostNarrow])(const NarrowRows& rows, const float* weights,
                                  ptrdiff_t weight_stride, float* out);

  WinogradKernels winograd_2, winograd_3, winograd_5;  // by the size of the kernel

  const WinogradKernels& winograd(int kernel) const {
    return kernel == 2 ? winograd_2 : kernel == 3 ? winograd_3 : winograd_5;
  }
};

}  // namespace cpu_engine
}  // namespace caffe

#endif  // CAFFE_CPU_ENGINE_CONVOLUTION_KERNELS_HPP_
