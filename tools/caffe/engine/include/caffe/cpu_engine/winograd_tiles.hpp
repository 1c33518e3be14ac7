#ifndef CAFFE_CPU_ENGINE_WINOGRAD_TILES_HPP_
#define CAFFE_CPU_ENGINE_WINOGRAD_TILES_HPP_

#include <algorithm>

#include "caffe/cpu_engine/convolution.hpp"
#include "caffe/cpu_engine/convolution_kernels.hpp"
#include "caffe/cpu_engine/parallel.hpp"

namespace caffe {
namespace cpu_engine {

// As many tiles go through a product at once. More use the filters, which come from an outer
// cache, more often; fewer leave more of the points in an inner one.
const int kBlockTiles = 64;

// The size of kernel that each phase sees, its tiles, and how many phases there are.
struct Scheme {
  int stride, phases;
  int kernel, tile, step;  // outputs of a tile are step x step
  int points;

  explicit Scheme(const ConvolutionShape& s)
      : stride(s.stride_h), phases(stride * stride), kernel(s.kernel_h / stride),
        tile(winograd_tile(kernel)), step(tile - kernel + 1), points(tile * tile) {}

  // Those that phase f sees.
  Taps taps(int f) const {
    const int side = stride * kernel;
    const Taps taps = {f / stride * side + f % stride, stride * side, stride};
    return taps;
  }
};

// Maps of `num` images, num x channels x height x width, or some of their channels.
struct MapShape {
  int num, channels, height, width;
  ptrdiff_t image_stride;

  MapShape(int num, int channels, int height, int width)
      : num(num), channels(channels), height(height), width(width),
        image_stride(static_cast<ptrdiff_t>(channels) * height * width) {}
  ptrdiff_t at(int n, int c) const {
    return n * image_stride + static_cast<ptrdiff_t>(c) * height * width;
  }
};

// Where tiles lie in maps, along one axis: the first tile's window begins at `begin` and has `size`
// pixels, the next tile's begins `advance` further on; and where the phases begin in a window.
struct Axis {
  int begin, size, advance;
  int phase[2];
};

// Maps, and where tiles lie in them.
struct Grid {
  MapShape maps;
  int phases;
  int stride;  // from a tile's pixel to the next
  Axis down, across;

  // The distance from a phase's channels to the next one's, among the points of a tile.
  ptrdiff_t phase_stride(int width) const { return round_up(maps.channels, width); }
  ptrdiff_t points_of_tile(int width) const { return phases * phase_stride(width); }
  // The same of so many of the channels.
  Grid of_channels(int count) const {
    Grid some = *this;
    some.maps.channels = count;
    return some;
  }
};

// Rows of tiles [begin, end), counted through all images.
struct Rows {
  int begin, end;
};

// How rows of tiles are cut into blocks.
struct Tiling {
  int rows, columns;  // of tiles, in an image
  int all_rows;       // of tiles, in all images
  int block_rows;     // of tiles, in a block
  int blocks;

  Tiling(const Grid& out, int threads)
      : rows((out.maps.height + out.down.advance - 1) / out.down.advance),
        columns((out.maps.width + out.across.advance - 1) / out.across.advance),
        all_rows(out.maps.num * rows) {
    const int per_thread = (all_rows + threads - 1) / threads;
    block_rows = std::max(1, std::min(kBlockTiles / columns, per_thread));
    blocks = (all_rows + block_rows - 1) / block_rows;
  }

  int block_tiles() const { return block_rows * columns; }
  Rows rows_of(int block) const {
    const int first = block * block_rows;
    const Rows rows = {first, std::min(first + block_rows, all_rows)};
    return rows;
  }

  // The window of `grid` that a row of tiles reads or writes, of channels from c on.
  Window window(const Grid& grid, int row, int c, int width) const {
    const Window window = {std::min(width, grid.maps.channels - c),
                           grid.maps.height * grid.maps.width,
                           grid.maps.height,
                           grid.maps.width,
                           row % rows * grid.down.advance + grid.down.begin,
                           grid.across.begin,
                           grid.down.size,
                           grid.across.advance * (columns - 1) + grid.across.size};
    return window;
  }
  // Floats of a staged window.
  ptrdiff_t staged_size(const Grid& grid, int width) const {
    const Window largest = window(grid, 0, 0, width);
    return static_cast<ptrdiff_t>(largest.rows) * largest.columns * width;
  }
};

// The points of a block's tiles, [points][tiles][phases][channels].
struct Points {
  ptrdiff_t tile_stride, point_stride;

  Points(const Tiling& tiling, const Grid& grid, int width)
      : tile_stride(row_stride(grid.points_of_tile(width))),
        point_stride(row_stride(tiling.block_tiles() * tile_stride)) {}
};

}  // namespace cpu_engine
}  // namespace caffe

#endif  // CAFFE_CPU_ENGINE_WINOGRAD_TILES_HPP_
