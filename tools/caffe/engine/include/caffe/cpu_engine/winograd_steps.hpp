#ifndef CAFFE_CPU_ENGINE_WINOGRAD_STEPS_HPP_
#define CAFFE_CPU_ENGINE_WINOGRAD_STEPS_HPP_

#include "caffe/cpu_engine/winograd_tiles.hpp"

namespace caffe {
namespace cpu_engine {

// What the passes of Winograd's algorithm have in common: from maps to points and back.

const int kMostPhases = 4, kMostTaps = 100;

typedef void (*ToPoints)(const TileRow& row, const float* staged, float* points,
                         ptrdiff_t point_stride, ptrdiff_t tile_stride);

// Takes some rows of tiles to their points, `points` being the first tile's.
void to_points(const ConvolutionKernels& k, ToPoints transform, const Tiling& tiling,
               const Rows& rows, const Grid& grid, const float* data, float* staged,
               const Points& layout, float* points);

// Takes some rows of tiles from their points to maps, plus a bias (NULL: none) in whole vectors.
void from_points(const ConvolutionKernels& k, int kernel, const Tiling& tiling, const Rows& rows,
                 const Points& layout, const float* points, const float* bias, float* staged,
                 const Grid& grid, float* data);

// The convolution's input, taken apart into phases, and its output.
Grid bottom_grid(const ConvolutionShape& s, const Axis& down, const Axis& across);
Grid top_grid(const ConvolutionShape& s, int phases, const Axis& down, const Axis& across);

// What the outputs of a row of tiles see of the input, and those outputs.
Grid seen_grid(const ConvolutionShape& s, const Scheme& w);
Grid output_grid(const ConvolutionShape& s, const Scheme& w);

// The window onto the taps of filters `stride` apart.
Window filter_window(int filters, ptrdiff_t stride, int taps);

}  // namespace cpu_engine
}  // namespace caffe

#endif  // CAFFE_CPU_ENGINE_WINOGRAD_STEPS_HPP_
