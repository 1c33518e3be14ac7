// The gradient with respect to the weights, by Winograd's algorithm (see winograd.cpp).
//
// It is the forward pass transposed, step by step: top_diff is taken to the points, multiplied
// there by the input's points, summed over all tiles, and taken from there to the filters.
#include <algorithm>

#include "caffe/cpu_engine/convolution.hpp"
#include "caffe/cpu_engine/convolution_kernels.hpp"
#include "caffe/cpu_engine/parallel.hpp"
#include "caffe/cpu_engine/winograd_steps.hpp"
#include "caffe/cpu_engine/winograd_tiles.hpp"

namespace caffe {
namespace cpu_engine {

namespace {

// As many outputs as a product's sums are of at once go through the last steps together, so that
// their sums are read while they are in a core's cache.
const int kOutputsAtATime = 8;

struct WeightGradient {
  const ConvolutionKernels& k;
  const ConvolutionShape& s;
  Scheme scheme;
  Grid in, out;
  const float *bottom, *top_diff;
  float* weight_diff;

  const WinogradKernels& transforms() const { return k.winograd(scheme.kernel); }
};

// Sums over tiles, of some outputs: [points][outputs][phases][channels].
struct Sums {
  ptrdiff_t output_stride, point_stride, size;

  Sums(const WeightGradient& q, int outputs)
      : output_stride(row_stride(q.in.points_of_tile(q.k.width))),
        point_stride(row_stride(outputs * output_stride)),
        size(q.scheme.points * point_stride) {}
};

// The points of some tiles, of the input and of the gradient at the output.
struct TilePoints {
  Points in, out;
  ptrdiff_t staged_size, in_size, size;

  TilePoints(const WeightGradient& q, const Tiling& tiling)
      : in(tiling, q.in, q.k.width), out(tiling, q.out, q.k.width),
        staged_size(row_stride(tiling.staged_size(q.in, q.k.width))),
        in_size(q.scheme.points * in.point_stride),
        size(in_size + q.scheme.points * out.point_stride) {}
};

// Takes some rows of tiles to their points, from tile `first` of those at v on.
void tiles_to_points(const WeightGradient& q, const Tiling& tiling, const Rows& rows,
                     const TilePoints& layout, int first, float* staged, float* v) {
  to_points(q.k, q.transforms().input, tiling, rows, q.in, q.bottom, staged, layout.in,
            v + first * layout.in.tile_stride);
  to_points(q.k, q.transforms().output_gradient, tiling, rows, q.out, q.top_diff, staged,
            layout.out, v + layout.in_size + first * layout.out.tile_stride);
}

// sums (+)= the products of `tiles` tiles' points, of outputs [first, end).
void multiply_points(const WeightGradient& q, int tiles, const TilePoints& layout, const float* v,
                     int first, int end, const Sums& sums, float* u, bool accumulate) {
  const float* const m = v + layout.in_size;
  for (int point = 0; point < q.scheme.points; ++point) {
    const Product product = {end - first,
                             static_cast<int>(q.in.points_of_tile(q.k.width)),
                             tiles,
                             m + point * layout.out.point_stride + first,
                             1,
                             layout.out.tile_stride,
                             v + point * layout.in.point_stride,
                             q.k.panel,
                             layout.in.tile_stride,
                             u + point * sums.point_stride,
                             sums.output_stride,
                             accumulate};
    q.k.multiply(product);
  }
}

// Adds the sums of outputs [first, end), which are in `parts` arrays, to the filters' gradients.
void to_filters(const WeightGradient& q, int first, int end, const Sums& sums, const float* u,
                 int parts, ptrdiff_t part_stride) {
  const int taps = q.s.taps(), channels = q.s.channels;
  for (int o = first; o < end; ++o) {
    for (int c = 0; c < channels; c += q.k.width) {
      const Window window = filter_window(std::min(q.k.width, channels - c), taps, taps);
      float* const diffs = q.weight_diff + (static_cast<ptrdiff_t>(o) * channels + c) * taps;
      float staged[kMostTaps * kCacheLine];
      q.k.stage(window, diffs, staged, q.k.width);
      for (int f = 0; f < q.scheme.phases; ++f) {
        q.transforms().filter_gradient(
            q.scheme.taps(f),
            u + (o - first) * sums.output_stride + f * q.in.phase_stride(q.k.width) + c,
            sums.point_stride, parts, part_stride, staged);
      }
      q.k.unstage(window, staged, diffs);
    }
  }
}

// With many tiles, threads share them out, and each has sums of its own.
void by_rows(const WeightGradient& q) {
  const Tiling tiling(q.out, threads());
  const int used = std::min(threads(), tiling.blocks);
  const TilePoints layout(q, tiling);
  const Sums sums(q, q.s.outputs);
  const ptrdiff_t own_size = layout.staged_size + layout.size + sums.size;
  float* const own = Workspace::of_this_thread().reserve(used * own_size);

  const int parts = in_parallel(used, [&](int thread, int threads) {
    float* const u = own + thread * own_size;
    float* const v = u + sums.size;
    const Share blocks(tiling.blocks, thread, threads);
    for (int block = blocks.begin; block < blocks.end; ++block) {
      const Rows rows = tiling.rows_of(block);
      tiles_to_points(q, tiling, rows, layout, 0, v + layout.size, v);
      multiply_points(q, (rows.end - rows.begin) * tiling.columns, layout, v, 0, q.s.outputs, sums,
                      u, block > blocks.begin);
    }
  });
  in_parallel(threads(), [&](int thread, int threads) {
    const Share outputs(q.s.outputs, thread, threads);
    to_filters(q, outputs.begin, outputs.end, sums, own + outputs.begin * sums.output_stride,
               parts, own_size);
  });
}

// With few tiles, that would be sums of a block each; so threads share out the outputs.
void by_outputs(const WeightGradient& q) {
  const Tiling tiling(q.out, 1);
  const int tiles = tiling.all_rows * tiling.columns;
  const int part = std::min(kOutputsAtATime, (q.s.outputs + threads() - 1) / threads());
  const TilePoints layout(q, tiling);
  const Sums sums(q, part);
  const ptrdiff_t own_size = std::max(layout.staged_size, sums.size);
  float* const v = Workspace::of_this_thread().reserve(layout.size + threads() * own_size);
  float* const own = v + layout.size;

  in_parallel(std::min(threads(), tiling.all_rows), [&](int thread, int threads) {
    const Share share(tiling.all_rows, thread, threads);
    const Rows rows = {share.begin, share.end};
    tiles_to_points(q, tiling, rows, layout, rows.begin * tiling.columns, own + thread * own_size,
                    v);
  });
  share_out(threads(), (q.s.outputs + part - 1) / part, [&](int thread, int index) {
    float* const u = own + thread * own_size;
    const int first = index * part, end = std::min(first + part, q.s.outputs);
    multiply_points(q, tiles, layout, v, first, end, sums, u, false);
    to_filters(q, first, end, sums, u, 1, 0);
  });
}

}  // namespace

void winograd_backward_weights(const ConvolutionKernels& k, const ConvolutionShape& s,
                               const float* bottom, const float* top_diff, float* weight_diff) {
  const Scheme scheme(s);
  const WeightGradient q = {k, s, scheme, seen_grid(s, scheme), output_grid(s, scheme), bottom,
                            top_diff, weight_diff};
  (Tiling(q.out, 1).blocks > 1 ? by_rows : by_outputs)(q);
}

}  // namespace cpu_engine
}  // namespace caffe
