// Convolution by Winograd's algorithm: stride 1, kernel 3x3 or 5x5.
//
// A row of tiles is read from the image with its channels innermost, taken to its 36 points, and
// each point's [tiles][channels] is multiplied by that point's filters, [channels][outputs]. A
// thread takes a block of rows through all of it, small enough that the points stay in its cache:
// they are never a whole map in memory.
#include <algorithm>

#include "caffe/cpu_engine/convolution.hpp"
#include "caffe/cpu_engine/convolution_kernels.hpp"
#include "caffe/cpu_engine/filter_points.hpp"
#include "caffe/cpu_engine/parallel.hpp"

namespace caffe {
namespace cpu_engine {

namespace {

// As many tiles go through a product at once. More use the filters, which come from an outer
// cache, more often; fewer leave more of the points in an inner one.
const int kBlockTiles = 64;

// Maps of `num` images, num x channels x height x width.
struct MapShape {
  int num, channels, height, width;

  const float* at(const float* data, int n, int c) const {
    return data + (static_cast<ptrdiff_t>(n) * channels + c) * height * width;
  }
  float* at(float* data, int n, int c) const {
    return data + (static_cast<ptrdiff_t>(n) * channels + c) * height * width;
  }
};

// How output maps are cut into tiles, and rows of tiles into blocks.
struct Tiling {
  int kernel, step;   // outputs of a tile are step x step
  int rows, columns;  // of tiles, in an image
  int all_rows;       // of tiles, in all images
  int block_rows;     // of tiles, in a block
  int blocks;

  Tiling(int kernel, const MapShape& out, int threads)
      : kernel(kernel), step(kTile - kernel + 1), rows((out.height + step - 1) / step),
        columns((out.width + step - 1) / step), all_rows(out.num * rows) {
    const int per_thread = (all_rows + threads - 1) / threads;
    block_rows = std::max(1, std::min(kBlockTiles / columns, per_thread));
    blocks = (all_rows + block_rows - 1) / block_rows;
  }

  int block_tiles() const { return block_rows * columns; }
  int first_row(int block) const { return block * block_rows; }
  int end_row(int block) const { return std::min(first_row(block) + block_rows, all_rows); }
  // Floats of the largest staged window, for vectors of `width` floats.
  ptrdiff_t staged_size(int width) const {
    return static_cast<ptrdiff_t>(kTile) * (step * columns + kernel - 1) * width;
  }
};

// The points of a block's tiles, [kPoints][tiles][channels].
struct Points {
  ptrdiff_t tile_stride, point_stride;

  Points(int tiles, int channels)
      : tile_stride(row_stride(channels)), point_stride(row_stride(tiles * tile_stride)) {}
  ptrdiff_t size() const { return kPoints * point_stride; }
};

typedef void (*ToPoints)(int kernel, int tiles, const float* staged, int columns, float* points,
                         ptrdiff_t point_stride, ptrdiff_t tile_stride);

// Takes a block of `maps` to its points. A tile's window has `side` rows and columns, the first at
// (-pad_h, -pad_w).
void to_points(const ConvolutionKernels& k, ToPoints transform, const Tiling& tiling, int block,
               const MapShape& maps, const float* data, int side, int pad_h, int pad_w,
               float* staged, const Points& layout, float* points) {
  const int columns = tiling.step * (tiling.columns - 1) + side;
  for (int c = 0; c < maps.channels; c += k.width) {
    float* tile = points + c;
    for (int row = tiling.first_row(block); row < tiling.end_row(block); ++row) {
      const Window window = {std::min(k.width, maps.channels - c),
                             maps.height * maps.width,
                             maps.height,
                             maps.width,
                             row % tiling.rows * tiling.step - pad_h,
                             -pad_w,
                             side,
                             columns};
      k.stage(window, maps.at(data, row / tiling.rows, c), staged, k.width);
      transform(tiling.kernel, tiling.columns, staged, columns, tile, layout.point_stride,
                layout.tile_stride);
      tile += tiling.columns * layout.tile_stride;
    }
  }
}

// Takes a block from its points to the maps of the output.
void from_points(const ConvolutionKernels& k, const Tiling& tiling, int block,
                 const Points& layout, const float* points, const float* bias, float* staged,
                 const MapShape& maps, float* data) {
  const int columns = tiling.step * tiling.columns;
  for (int c = 0; c < maps.channels; c += k.width) {
    const float* tile = points + c;
    for (int row = tiling.first_row(block); row < tiling.end_row(block); ++row) {
      const Window window = {std::min(k.width, maps.channels - c),
                             maps.height * maps.width,
                             maps.height,
                             maps.width,
                             row % tiling.rows * tiling.step,
                             0,
                             tiling.step,
                             columns};
      k.winograd_output(tiling.kernel, tiling.columns, tile, layout.point_stride,
                        layout.tile_stride, bias ? bias + c : NULL, staged, columns);
      k.unstage(window, staged, maps.at(data, row / tiling.rows, c));
      tile += tiling.columns * layout.tile_stride;
    }
  }
}

// Filters from every channel of the input to every one of the output, as they lie in memory:
// filters[in * in_stride + out * out_stride + tap].
struct Filters {
  const float* data;
  ptrdiff_t in_stride, out_stride;
  bool turned;  // by 180 degrees
};

// out = filters * in + bias, with the input's first window at (-pad_h, -pad_w).
void convolve(const ConvolutionKernels& k, int kernel, const MapShape& in, const float* in_data,
              int pad_h, int pad_w, const Filters& filters, const float* bias, FilterPoints* kept,
              const MapShape& out, float* out_data) {
  const Tiling tiling(kernel, out, threads());
  const int used = std::min(threads(), tiling.blocks);
  const int out_columns = round_up(out.channels, k.width);
  const Points in_points(tiling.block_tiles(), in.channels);
  const Points out_points(tiling.block_tiles(), out.channels);
  // The filters of a point lie in panels, so that a product reads them from end to end.
  const ptrdiff_t panel_size = static_cast<ptrdiff_t>(in.channels) * k.panel;
  const ptrdiff_t filter_stride =
      row_stride((out_columns + k.panel - 1) / k.panel * panel_size);
  const ptrdiff_t staged_size = row_stride(tiling.staged_size(k.width));
  const ptrdiff_t own_size = staged_size + in_points.size() + out_points.size();
  const ptrdiff_t bias_size = bias ? row_stride(out_columns) : 0;
  const ptrdiff_t u_size = kPoints * filter_stride;
  float* const padded_bias = Workspace::of_this_thread().reserve(bias_size + used * own_size +
                                                                 (kept ? 0 : u_size));
  float* const own = padded_bias + bias_size;
  const size_t filters_size = static_cast<size_t>(in.channels) * out.channels * kernel * kernel;
  bool known = false;
  float* const u = kept ? kept->of(filters.data, filters_size, u_size, &known)
                        : own + used * own_size;
  if (bias) {
    std::fill(std::copy(bias, bias + out.channels, padded_bias), padded_bias + out_columns, 0.0f);
  }

  if (!known) {
    in_parallel(threads(), [&](int thread, int threads) {
      const Share channels(in.channels, thread, threads);
      for (int c = channels.begin; c < channels.end; ++c) {
        for (int o = 0; o < out.channels; o += k.width) {
          k.winograd_filter(kernel, std::min(k.width, out.channels - o),
                            filters.data + c * filters.in_stride + o * filters.out_stride,
                            filters.out_stride, filters.turned,
                            u + o / k.panel * panel_size + c * k.panel + o % k.panel,
                            filter_stride);
        }
      }
    });
  }
  share_out(used, tiling.blocks, [&](int thread, int block) {
    float* const staged = own + thread * own_size;
    float* const v = staged + staged_size;
    float* const m = v + in_points.size();
    to_points(k, k.winograd_input, tiling, block, in, in_data, kTile, pad_h, pad_w, staged,
              in_points, v);
    const int tiles = (tiling.end_row(block) - tiling.first_row(block)) * tiling.columns;
    for (int point = 0; point < kPoints; ++point) {
      const Product product = {tiles,
                               out_columns,
                               in.channels,
                               v + point * in_points.point_stride,
                               in_points.tile_stride,
                               1,
                               u + point * filter_stride,
                               panel_size,
                               k.panel,
                               m + point * out_points.point_stride,
                               out_points.tile_stride,
                               false};
      k.multiply(product);
    }
    from_points(k, tiling, block, out_points, m, bias ? padded_bias : NULL, staged, out, out_data);
  });
}

MapShape bottom_shape(const ConvolutionShape& s) {
  const MapShape maps = {s.num, s.channels, s.height, s.width};
  return maps;
}

MapShape top_shape(const ConvolutionShape& s) {
  const MapShape maps = {s.num, s.outputs, s.out_height, s.out_width};
  return maps;
}

}  // namespace

void winograd_forward(const ConvolutionKernels& k, const ConvolutionShape& s, const float* bottom,
                      const float* weight, const float* bias, FilterPoints* kept, float* top) {
  const Filters filters = {weight, s.taps(), s.channels * s.taps(), false};
  convolve(k, s.kernel_h, bottom_shape(s), bottom, s.pad_h, s.pad_w, filters, bias, kept,
           top_shape(s), top);
}

// The gradient is itself a convolution: of top_diff, by filters turned by 180 degrees.
void winograd_backward_data(const ConvolutionKernels& k, const ConvolutionShape& s,
                            const float* top_diff, const float* weight, float* bottom_diff) {
  const Filters filters = {weight, s.channels * s.taps(), s.taps(), true};
  convolve(k, s.kernel_h, top_shape(s), top_diff, s.kernel_h - 1 - s.pad_h,
           s.kernel_w - 1 - s.pad_w, filters, NULL, NULL, bottom_shape(s), bottom_diff);
}

// The forward pass transposed, step by step: top_diff is taken to the points, multiplied there by
// the input's points, summed over all tiles, and taken from there to the filters.
void winograd_backward_weights(const ConvolutionKernels& k, const ConvolutionShape& s,
                               const float* bottom, const float* top_diff, float* weight_diff) {
  const MapShape in = bottom_shape(s), out = top_shape(s);
  const Tiling tiling(s.kernel_h, out, threads());
  const int used = std::min(threads(), tiling.blocks);
  const Points in_points(tiling.block_tiles(), in.channels);
  const Points out_points(tiling.block_tiles(), out.channels);
  const Points filter_points(out.channels, in.channels);
  const ptrdiff_t staged_size = row_stride(tiling.staged_size(k.width));
  const ptrdiff_t own_size =
      staged_size + in_points.size() + out_points.size() + filter_points.size();
  float* const own = Workspace::of_this_thread().reserve(used * own_size);
  float* const sums = own + staged_size + in_points.size() + out_points.size();

  const int parts = in_parallel(used, [&](int thread, int threads) {
    float* const staged = own + thread * own_size;
    float* const v = staged + staged_size;
    float* const m = v + in_points.size();
    float* const u = m + out_points.size();
    const Share blocks(tiling.blocks, thread, threads);
    for (int block = blocks.begin; block < blocks.end; ++block) {
      to_points(k, k.winograd_input, tiling, block, in, bottom, kTile, s.pad_h, s.pad_w, staged,
                in_points, v);
      to_points(k, k.winograd_output_gradient, tiling, block, out, top_diff, tiling.step, 0, 0,
                staged, out_points, m);
      const int tiles = (tiling.end_row(block) - tiling.first_row(block)) * tiling.columns;
      for (int point = 0; point < kPoints; ++point) {
        const Product product = {out.channels,
                                 static_cast<int>(round_up(in.channels, k.width)),
                                 tiles,
                                 m + point * out_points.point_stride,
                                 1,
                                 out_points.tile_stride,
                                 v + point * in_points.point_stride,
                                 k.panel,
                                 in_points.tile_stride,
                                 u + point * filter_points.point_stride,
                                 filter_points.tile_stride,
                                 block > blocks.begin};
        k.multiply(product);
      }
    }
  });
  in_parallel(threads(), [&](int thread, int threads) {
    const Share outputs(out.channels, thread, threads);
    for (int o = outputs.begin; o < outputs.end; ++o) {
      for (int c = 0; c < in.channels; c += k.width) {
        k.winograd_filter_gradient(
            s.kernel_h, std::min(k.width, in.channels - c),
            sums + o * filter_points.tile_stride + c, filter_points.point_stride, parts, own_size,
            weight_diff + (static_cast<ptrdiff_t>(o) * in.channels + c) * s.taps(), s.taps());
      }
    }
  });
}

}  // namespace cpu_engine
}  // namespace caffe
