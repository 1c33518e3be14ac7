#include "caffe/cpu_engine/winograd_steps.hpp"

namespace caffe {
namespace cpu_engine {

namespace {

// Calls visit(offset in the staged window, offset in a tile's points) for each phase.
template <typename Visit>
void for_each_phase(const Grid& grid, int columns, int width, const Visit& visit) {
  const int side = grid.phases == 1 ? 1 : 2;
  for (int f = 0; f < grid.phases; ++f) {
    const int pixel = grid.down.phase[f / side] * columns + grid.across.phase[f % side];
    visit(static_cast<ptrdiff_t>(pixel) * width, f * grid.phase_stride(width));
  }
}

}  // namespace

void to_points(const ConvolutionKernels& k, ToPoints transform, const Tiling& tiling,
               const Rows& rows, const Grid& grid, const float* data, float* staged,
               const Points& layout, float* points) {
  for (int c = 0; c < grid.maps.channels; c += k.width) {
    float* tile = points + c;
    for (int row = rows.begin; row < rows.end; ++row) {
      const Window window = tiling.window(grid, row, c, k.width);
      const ptrdiff_t pixel = grid.stride * k.width;
      const TileRow tiles = {tiling.columns, window.columns * pixel, pixel};
      k.stage(window, data + grid.maps.at(row / tiling.rows, c), staged, k.width);
      for_each_phase(grid, window.columns, k.width, [&](ptrdiff_t from, ptrdiff_t to) {
        transform(tiles, staged + from, tile + to, layout.point_stride, layout.tile_stride);
      });
      tile += tiling.columns * layout.tile_stride;
    }
  }
}

void from_points(const ConvolutionKernels& k, int kernel, const Tiling& tiling, const Rows& rows,
                 const Points& layout, const float* points, const float* bias, float* staged,
                 const Grid& grid, float* data) {
  for (int c = 0; c < grid.maps.channels; c += k.width) {
    const float* tile = points + c;
    for (int row = rows.begin; row < rows.end; ++row) {
      const Window window = tiling.window(grid, row, c, k.width);
      const ptrdiff_t pixel = grid.stride * k.width;
      const TileRow tiles = {tiling.columns, window.columns * pixel, pixel};
      for_each_phase(grid, window.columns, k.width, [&](ptrdiff_t to, ptrdiff_t from) {
        k.winograd(kernel).output(tiles, tile + from, layout.point_stride, layout.tile_stride,
                                  bias ? bias + c : NULL, staged + to);
      });
      k.unstage(window, staged, data + grid.maps.at(row / tiling.rows, c));
      tile += tiling.columns * layout.tile_stride;
    }
  }
}

Grid bottom_grid(const ConvolutionShape& s, const Axis& down, const Axis& across) {
  const Grid grid = {MapShape(s.num, s.channels, s.height, s.width), s.stride_h * s.stride_w,
                     s.stride_h, down, across};
  return grid;
}

Grid top_grid(const ConvolutionShape& s, int phases, const Axis& down, const Axis& across) {
  const Grid grid = {MapShape(s.num, s.outputs, s.out_height, s.out_width), phases, 1, down,
                     across};
  return grid;
}

Grid seen_grid(const ConvolutionShape& s, const Scheme& w) {
  const int size = w.stride * w.tile, advance = w.stride * w.step;
  const Axis down = {-s.pad_h, size, advance, {0, 1}}, across = {-s.pad_w, size, advance, {0, 1}};
  return bottom_grid(s, down, across);
}

Grid output_grid(const ConvolutionShape& s, const Scheme& w) {
  const Axis axis = {0, w.step, w.step, {0, 0}};
  return top_grid(s, 1, axis, axis);
}

Window filter_window(int filters, ptrdiff_t stride, int taps) {
  const Window window = {filters, stride, 1, taps, 0, 0, 1, taps};
  return window;
}

}  // namespace cpu_engine
}  // namespace caffe
