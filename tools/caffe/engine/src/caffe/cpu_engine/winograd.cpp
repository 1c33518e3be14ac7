// Convolution by Winograd's algorithm: stride 1 or 2, kernel 2x2, 3x3 or 5x5 times the stride.
//
// A row of tiles is read from the image with its channels innermost, taken to its points, and
// each point's [tiles][channels] is multiplied by that point's filters, [channels][outputs]. A
// thread takes a block of rows through all of it, small enough that the points stay in its cache:
// they are never a whole map in memory.
//
// Stride 2 is four convolutions of stride 1 with a quarter of the taps each: even and odd rows and
// columns of the input, its phases, make up the output together, as so many more channels would.
// Going back, each phase of the input gets a gradient of its own.
#include <algorithm>

#include "caffe/cpu_engine/convolution.hpp"
#include "caffe/cpu_engine/convolution_kernels.hpp"
#include "caffe/cpu_engine/filter_points.hpp"
#include "caffe/cpu_engine/parallel.hpp"
#include "caffe/cpu_engine/winograd_tiles.hpp"

namespace caffe {
namespace cpu_engine {

namespace {

const int kMostPhases = 4, kMostTaps = 100;

typedef void (*ToPoints)(const TileRow& row, const float* staged, float* points,
                         ptrdiff_t point_stride, ptrdiff_t tile_stride);

// Calls visit(offset in the staged window, offset in a tile's points) for each phase.
template <typename Visit>
void for_each_phase(const Grid& grid, int columns, int width, const Visit& visit) {
  const int side = grid.phases == 1 ? 1 : 2;
  for (int f = 0; f < grid.phases; ++f) {
    const int pixel = grid.down.phase[f / side] * columns + grid.across.phase[f % side];
    visit(static_cast<ptrdiff_t>(pixel) * width, f * grid.phase_stride(width));
  }
}

// Takes a block of maps to its points.
void to_points(const ConvolutionKernels& k, ToPoints transform, const Tiling& tiling, int block,
               const Grid& grid, const float* data, float* staged, const Points& layout,
               float* points) {
  for (int c = 0; c < grid.maps.channels; c += k.width) {
    float* tile = points + c;
    for (int row = tiling.first_row(block); row < tiling.end_row(block); ++row) {
      const Window window = tiling.window(grid, row, c, k.width);
      const ptrdiff_t pixel = grid.stride * k.width;
      const TileRow tiles = {tiling.columns, window.columns * pixel, pixel};
      k.stage(window, grid.maps.at(data, row / tiling.rows, c), staged, k.width);
      for_each_phase(grid, window.columns, k.width, [&](ptrdiff_t from, ptrdiff_t to) {
        transform(tiles, staged + from, tile + to, layout.point_stride, layout.tile_stride);
      });
      tile += tiling.columns * layout.tile_stride;
    }
  }
}

// Takes a block from its points to maps.
void from_points(const ConvolutionKernels& k, int kernel, const Tiling& tiling, int block,
                 const Points& layout, const float* points, const float* bias, float* staged,
                 const Grid& grid, float* data) {
  for (int c = 0; c < grid.maps.channels; c += k.width) {
    const float* tile = points + c;
    for (int row = tiling.first_row(block); row < tiling.end_row(block); ++row) {
      const Window window = tiling.window(grid, row, c, k.width);
      const ptrdiff_t pixel = grid.stride * k.width;
      const TileRow tiles = {tiling.columns, window.columns * pixel, pixel};
      for_each_phase(grid, window.columns, k.width, [&](ptrdiff_t to, ptrdiff_t from) {
        k.winograd(kernel).output(tiles, tile + from, layout.point_stride, layout.tile_stride,
                                  bias ? bias + c : NULL, staged + to);
      });
      k.unstage(window, staged, grid.maps.at(data, row / tiling.rows, c));
      tile += tiling.columns * layout.tile_stride;
    }
  }
}

// The convolution's input, taken apart into phases, and its output.
Grid bottom_grid(const ConvolutionShape& s, const Axis& down, const Axis& across) {
  const Grid grid = {{s.num, s.channels, s.height, s.width}, s.stride_h * s.stride_w, s.stride_h,
                     down, across};
  return grid;
}

Grid top_grid(const ConvolutionShape& s, int phases, const Axis& down, const Axis& across) {
  const Grid grid = {{s.num, s.outputs, s.out_height, s.out_width}, phases, 1, down, across};
  return grid;
}

// What the outputs of a row of tiles see of the input, and those outputs.
Grid seen_grid(const ConvolutionShape& s, const Scheme& w) {
  const int size = w.stride * w.tile, advance = w.stride * w.step;
  const Axis down = {-s.pad_h, size, advance, {0, 1}}, across = {-s.pad_w, size, advance, {0, 1}};
  return bottom_grid(s, down, across);
}
Grid output_grid(const ConvolutionShape& s, const Scheme& w) {
  const Axis axis = {0, w.step, w.step, {0, 0}};
  return top_grid(s, 1, axis, axis);
}

// Filters from every channel of the input to every one of the output, as they lie in memory,
// filters[in * in_stride + out * out_stride + tap], and which taps each of the input's phases has.
struct Filters {
  const float* data;
  ptrdiff_t in_stride, out_stride;
  int taps;  // of all phases
  Taps phase[kMostPhases];
};

// The window onto the taps of filters `stride` apart.
Window filter_window(int filters, ptrdiff_t stride, int taps) {
  const Window window = {filters, stride, 1, taps, 0, 0, 1, taps};
  return window;
}

// out = filters * in + bias. The input's phases add up, unless the output has as many: then each of
// them is by itself.
void convolve(const ConvolutionKernels& k, const Scheme& scheme, const Grid& in,
              const float* in_data, const Filters& filters, const float* bias, FilterPoints* kept,
              const Grid& out, float* out_data) {
  const Tiling tiling(out, threads());
  const int used = std::min(threads(), tiling.blocks);
  const int sets = out.phases, depth = in.phases / sets * in.maps.channels;
  const int out_columns = round_up(out.maps.channels, k.width);
  const Points in_points(tiling, in, k.width), out_points(tiling, out, k.width);
  // The filters of a point lie in panels, so that a product reads them from end to end.
  const ptrdiff_t panel_size = static_cast<ptrdiff_t>(depth) * k.panel;
  const ptrdiff_t filter_stride =
      row_stride((out_columns + k.panel - 1) / k.panel * panel_size);
  const ptrdiff_t set_stride = scheme.points * filter_stride;
  const ptrdiff_t staged_size = row_stride(
      std::max(tiling.staged_size(in, k.width), tiling.staged_size(out, k.width)));
  const ptrdiff_t v_size = scheme.points * in_points.point_stride;
  const ptrdiff_t own_size = staged_size + v_size + scheme.points * out_points.point_stride;
  const ptrdiff_t bias_size = bias ? row_stride(out_columns) : 0;
  const ptrdiff_t u_size = sets * set_stride;
  float* const padded_bias = Workspace::of_this_thread().reserve(bias_size + used * own_size +
                                                                 (kept ? 0 : u_size));
  float* const own = padded_bias + bias_size;
  const size_t filters_size =
      static_cast<size_t>(in.maps.channels) * out.maps.channels * filters.taps;
  bool known = false;
  float* const u = kept ? kept->of(filters.data, filters_size, u_size, &known)
                        : own + used * own_size;
  if (bias) {
    std::fill(std::copy(bias, bias + out.maps.channels, padded_bias), padded_bias + out_columns,
              0.0f);
  }

  if (!known) {
    in_parallel(threads(), [&](int thread, int threads) {
      const Share channels(in.maps.channels, thread, threads);
      for (int c = channels.begin; c < channels.end; ++c) {
        for (int o = 0; o < out.maps.channels; o += k.width) {
          float staged[kMostTaps * kCacheLine];
          k.stage(filter_window(std::min(k.width, out.maps.channels - o), filters.out_stride,
                                filters.taps),
                  filters.data + c * filters.in_stride + o * filters.out_stride, staged, k.width);
          for (int f = 0; f < in.phases; ++f) {
            const int row = f * in.maps.channels + c;
            k.winograd(scheme.kernel)
                .filter(filters.phase[f], staged,
                        u + row / depth * set_stride + o / k.panel * panel_size +
                            row % depth * k.panel + o % k.panel,
                        filter_stride);
          }
        }
      }
    });
  }
  share_out(used, tiling.blocks, [&](int thread, int block) {
    float* const staged = own + thread * own_size;
    float* const v = staged + staged_size;
    float* const m = v + v_size;
    to_points(k, k.winograd(scheme.kernel).input, tiling, block, in, in_data, staged, in_points,
              v);
    for (int set = 0; set < sets; ++set) {
      for (int point = 0; point < scheme.points; ++point) {
        const Product product = {
            tiling.tiles(block),
            out_columns,
            depth,
            v + point * in_points.point_stride + set * in.phase_stride(k.width),
            in_points.tile_stride,
            1,
            u + set * set_stride + point * filter_stride,
            panel_size,
            k.panel,
            m + point * out_points.point_stride + set * out.phase_stride(k.width),
            out_points.tile_stride,
            false};
        k.multiply(product);
      }
    }
    from_points(k, scheme.kernel, tiling, block, out_points, m, bias ? padded_bias : NULL, staged,
                out, out_data);
  });
}

}  // namespace

void winograd_forward(const ConvolutionKernels& k, const ConvolutionShape& s, const float* bottom,
                      const float* weight, const float* bias, FilterPoints* kept, float* top) {
  const Scheme scheme(s);
  Filters filters = {weight, s.taps(), s.channels * s.taps(), s.taps(), {}};
  for (int f = 0; f < scheme.phases; ++f) filters.phase[f] = scheme.taps(f);
  convolve(k, scheme, seen_grid(s, scheme), bottom, filters, bias, kept, output_grid(s, scheme),
           top);
}

// The gradient is itself a convolution: of top_diff, by filters turned by 180 degrees. An input
// pixel p of stride 2 has the taps of p + pad's phase, and begins with output (p + pad) / 2.
void winograd_backward_data(const ConvolutionKernels& k, const ConvolutionShape& s,
                            const float* top_diff, const float* weight, float* bottom_diff) {
  const Scheme w(s);
  const auto axis_in = [&](int pad) {
    const int late = (pad + w.stride - 1) / w.stride - pad / w.stride;  // of the second phase
    const Axis axis = {pad / w.stride - w.kernel + 1, w.tile + late, w.step, {0, late}};
    return axis;
  };
  const Grid in = top_grid(s, w.phases, axis_in(s.pad_h), axis_in(s.pad_w));
  const Axis axis = {0, w.stride * w.step, w.stride * w.step, {0, 1}};
  const Grid out = bottom_grid(s, axis, axis);
  Filters filters = {weight, s.channels * s.taps(), s.taps(), s.taps(), {}};
  for (int f = 0; f < w.phases; ++f) {
    const int y = (f / w.stride + s.pad_h) % w.stride, x = (f % w.stride + s.pad_w) % w.stride;
    const Taps taps = w.taps(y * w.stride + x);
    const Taps turned = {taps.at(w.kernel - 1, w.kernel - 1), -taps.down, -taps.across};
    filters.phase[f] = turned;
  }
  convolve(k, w, in, top_diff, filters, NULL, NULL, out, bottom_diff);
}

// The forward pass transposed, step by step: top_diff is taken to the points, multiplied there by
// the input's points, summed over all tiles, and taken from there to the filters. Threads share out
// the tiles, and each has sums of its own; where that would be sums of a block each, they share out
// the outputs.
void winograd_backward_weights(const ConvolutionKernels& k, const ConvolutionShape& s,
                               const float* bottom, const float* top_diff, float* weight_diff) {
  const Scheme scheme(s);
  const WinogradKernels& transforms = k.winograd(scheme.kernel);
  const Grid in = seen_grid(s, scheme), out = output_grid(s, scheme);
  const bool one_block = Tiling(out, 1).blocks == 1;
  const Tiling tiling(out, one_block ? 1 : threads());
  const int used = std::min(threads(), one_block ? s.outputs : tiling.blocks);
  const Points in_points(tiling, in, k.width), out_points(tiling, out, k.width);
  const ptrdiff_t sum_stride = row_stride(in.points_of_tile(k.width));
  const ptrdiff_t sums_stride = row_stride(s.outputs * sum_stride);  // from point to point
  const ptrdiff_t sums_size = scheme.points * sums_stride;
  const ptrdiff_t staged_size = row_stride(tiling.staged_size(in, k.width));
  const ptrdiff_t v_size = scheme.points * in_points.point_stride;
  const ptrdiff_t own_size = staged_size + v_size + scheme.points * out_points.point_stride;
  float* const own = Workspace::of_this_thread().reserve(used * own_size +
                                                         (one_block ? 1 : used) * sums_size);
  float* const sums = own + used * own_size;

  const int taking_part = in_parallel(used, [&](int thread, int threads) {
    float* const staged = own + thread * own_size;
    float* const v = staged + staged_size;
    float* const m = v + v_size;
    float* const u = sums + (one_block ? 0 : thread * sums_size);
    const Share blocks(tiling.blocks, one_block ? 0 : thread, one_block ? 1 : threads);
    const Share outputs(s.outputs, one_block ? thread : 0, one_block ? threads : 1);
    for (int block = blocks.begin; block < blocks.end; ++block) {
      to_points(k, transforms.input, tiling, block, in, bottom, staged, in_points, v);
      to_points(k, transforms.output_gradient, tiling, block, out, top_diff, staged, out_points,
                m);
      for (int point = 0; point < scheme.points; ++point) {
        const Product product = {outputs.end - outputs.begin,
                                 static_cast<int>(in.points_of_tile(k.width)),
                                 tiling.tiles(block),
                                 m + point * out_points.point_stride + outputs.begin,
                                 1,
                                 out_points.tile_stride,
                                 v + point * in_points.point_stride,
                                 k.panel,
                                 in_points.tile_stride,
                                 u + point * sums_stride + outputs.begin * sum_stride,
                                 sum_stride,
                                 block > blocks.begin};
        k.multiply(product);
      }
    }
  });
  const int parts = one_block ? 1 : taking_part;
  in_parallel(threads(), [&](int thread, int threads) {
    const Share outputs(s.outputs, thread, threads);
    for (int o = outputs.begin; o < outputs.end; ++o) {
      for (int c = 0; c < s.channels; c += k.width) {
        const Window window = filter_window(std::min(k.width, s.channels - c), s.taps(), s.taps());
        float* const diffs = weight_diff + (static_cast<ptrdiff_t>(o) * s.channels + c) * s.taps();
        float staged[kMostTaps * kCacheLine];
        k.stage(window, diffs, staged, k.width);
        for (int f = 0; f < scheme.phases; ++f) {
          transforms.filter_gradient(
              scheme.taps(f), sums + o * sum_stride + f * in.phase_stride(k.width) + c,
              sums_stride, parts, sums_size, staged);
        }
        k.unstage(window, staged, diffs);
      }
    }
  });
}

}  // namespace cpu_engine
}  // namespace caffe
