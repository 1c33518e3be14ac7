// Convolution by Winograd's algorithm: stride 1 or 2, kernel 2x2, 3x3 or 5x5 times the stride.
//
// A row of tiles is read from the image with its channels innermost, taken to its points, and
// each point's [tiles][channels] is multiplied by that point's filters, [channels][outputs].
//
// Stride 2 is four convolutions of stride 1 with a quarter of the taps each: even and odd rows and
// columns of the input, its phases, make up the output together, as so many more channels would.
// Going back, each phase of the input gets a gradient of its own.
#include <algorithm>
#include <vector>

#include "caffe/cpu_engine/convolution.hpp"
#include "caffe/cpu_engine/convolution_kernels.hpp"
#include "caffe/cpu_engine/filter_points.hpp"
#include "caffe/cpu_engine/parallel.hpp"
#include "caffe/cpu_engine/winograd_steps.hpp"
#include "caffe/cpu_engine/winograd_tiles.hpp"

namespace caffe {
namespace cpu_engine {

namespace {

// Filters from every channel of the input to every one of the output, as they lie in memory,
// filters[in * in_stride + out * out_stride + tap], and which taps each of the input's phases has.
struct Filters {
  const float* data;
  ptrdiff_t in_stride, out_stride;
  int taps;  // of all phases
  Taps phase[kMostPhases];
};

// out = filters * in. The input's phases add up, unless the output has as many: then each of them,
// a set of products, is by itself.
struct Convolution {
  const ConvolutionKernels& k;
  Scheme scheme;
  Filters filters;
  Grid in, out;

  int sets() const { return out.phases; }
  int depth() const { return in.phases / out.phases * in.maps.channels; }
};

// Where the points of filters lie, [sets][points][panels][depth][panel], so that a product reads
// those of a point from end to end.
struct FilterLayout {
  int panel, depth;
  ptrdiff_t panel_size, point_stride, set_stride;

  FilterLayout(const Convolution& q, int outputs, int panel)
      : panel(panel), depth(q.depth()), panel_size(static_cast<ptrdiff_t>(depth) * panel),
        point_stride(row_stride((outputs + panel - 1) / panel * panel_size)),
        set_stride(q.scheme.points * point_stride) {}
  ptrdiff_t size(const Convolution& q) const { return q.sets() * set_stride; }
  // Of a phase's channel, counted through all phases, and an output.
  ptrdiff_t at(int row, int output) const {
    return row / depth * set_stride + output / panel * panel_size + row % depth * panel +
           output % panel;
  }
};

// Takes the filters from some channels to outputs [first, end) to their points.
void filters_to_points(const Convolution& q, const Share& channels, int first, int end,
                       const FilterLayout& layout, float* points) {
  const ConvolutionKernels& k = q.k;
  for (int panel = first; panel < end; panel += layout.panel) {
    for (int c = channels.begin; c < channels.end; ++c) {
      for (int o = panel; o < std::min(panel + layout.panel, end); o += k.width) {
        float staged[kMostTaps * kCacheLine];
        k.stage(filter_window(std::min(k.width, end - o), q.filters.out_stride, q.filters.taps),
                q.filters.data + c * q.filters.in_stride + o * q.filters.out_stride, staged,
                k.width);
        for (int f = 0; f < q.in.phases; ++f) {
          k.winograd(q.scheme.kernel)
              .filter(q.filters.phase[f], staged,
                      points + layout.at(f * q.in.maps.channels + c, o - first),
                      layout.point_stride);
        }
      }
    }
  }
}

// m = u * v at each point: `tiles` of them, of all the channels of `out`.
void multiply_points(const Convolution& q, int tiles, const Points& in_points, const float* v,
                     const FilterLayout& layout, const float* u, const Grid& out,
                     const Points& out_points, float* m) {
  const int width = q.k.width;
  for (int set = 0; set < q.sets(); ++set) {
    for (int point = 0; point < q.scheme.points; ++point) {
      const Product product = {tiles,
                               static_cast<int>(out.phase_stride(width)),
                               layout.depth,
                               v + point * in_points.point_stride + set * q.in.phase_stride(width),
                               in_points.tile_stride,
                               1,
                               u + set * layout.set_stride + point * layout.point_stride,
                               layout.panel_size,
                               layout.panel,
                               m + point * out_points.point_stride + set * out.phase_stride(width),
                               out_points.tile_stride,
                               false};
      q.k.multiply(product);
    }
  }
}

// With many tiles, a thread takes a block of rows through all of it, small enough that the points
// stay in its cache: they are never a whole map in memory. All threads use all filters' points.
void convolve_by_rows(const Convolution& q, const float* in_data, const float* bias,
                      FilterPoints* kept, float* out_data) {
  const int width = q.k.width, channels = q.in.maps.channels, outputs = q.out.maps.channels;
  const Tiling tiling(q.out, threads());
  const int used = std::min(threads(), tiling.blocks);
  const Points in_points(tiling, q.in, width), out_points(tiling, q.out, width);
  const FilterLayout layout(q, outputs, q.k.panel);
  const ptrdiff_t staged_size =
      row_stride(std::max(tiling.staged_size(q.in, width), tiling.staged_size(q.out, width)));
  const ptrdiff_t v_size = q.scheme.points * in_points.point_stride;
  const ptrdiff_t own_size = staged_size + v_size + q.scheme.points * out_points.point_stride;
  float* const own =
      Workspace::of_this_thread().reserve(used * own_size + (kept ? 0 : layout.size(q)));
  const size_t filters_size = static_cast<size_t>(channels) * outputs * q.filters.taps;
  bool known = false;
  float* const u = kept ? kept->of(q.filters.data, filters_size, layout.size(q), &known)
                        : own + used * own_size;
  if (!known) {
    in_parallel(threads(), [&](int thread, int threads) {
      filters_to_points(q, Share(channels, thread, threads), 0, outputs, layout, u);
    });
  }
  share_out(used, tiling.blocks, [&](int thread, int block) {
    float* const staged = own + thread * own_size;
    float* const v = staged + staged_size;
    float* const m = v + v_size;
    const Rows rows = tiling.rows_of(block);
    to_points(q.k, q.k.winograd(q.scheme.kernel).input, tiling, rows, q.in, in_data, staged,
              in_points, v);
    multiply_points(q, (rows.end - rows.begin) * tiling.columns, in_points, v, layout, u, q.out,
                    out_points, m);
    from_points(q.k, q.scheme.kernel, tiling, rows, out_points, m, bias, staged, q.out, out_data);
  });
}

// With few tiles, a thread takes some outputs through all of it, `part` at a time: the points of
// their filters, of which there are many more than of tiles, stay in its cache. All threads use
// all the input's points.
void convolve_by_outputs(const Convolution& q, int part, const float* in_data, const float* bias,
                         float* out_data) {
  const int width = q.k.width, outputs = q.out.maps.channels;
  const Tiling tiling(q.out, 1);
  const Rows all = {0, tiling.all_rows};
  const Grid largest = q.out.of_channels(part);
  const int parts = (outputs + part - 1) / part;
  const Points in_points(tiling, q.in, width), out_points(tiling, largest, width);
  const FilterLayout layout(q, part, part);
  const ptrdiff_t staged_size =
      row_stride(std::max(tiling.staged_size(q.in, width), tiling.staged_size(q.out, width)));
  const ptrdiff_t u_size = layout.size(q);
  const ptrdiff_t own_size = staged_size + u_size + q.scheme.points * out_points.point_stride;
  float* const v = Workspace::of_this_thread().reserve(q.scheme.points * in_points.point_stride +
                                                       threads() * own_size);
  float* const own = v + q.scheme.points * in_points.point_stride;

  in_parallel(std::min(threads(), all.end), [&](int thread, int threads) {
    const Share share(all.end, thread, threads);
    const Rows rows = {share.begin, share.end};
    to_points(q.k, q.k.winograd(q.scheme.kernel).input, tiling, rows, q.in, in_data,
              own + thread * own_size, in_points,
              v + rows.begin * tiling.columns * in_points.tile_stride);
  });
  share_out(threads(), parts, [&](int thread, int index) {
    float* const staged = own + thread * own_size;
    float* const u = staged + staged_size;
    float* const m = u + u_size;
    const int first = index * part, end = std::min(first + part, outputs);
    const Grid out = q.out.of_channels(end - first);
    filters_to_points(q, Share(q.in.maps.channels, 0, 1), first, end, layout, u);
    multiply_points(q, all.end * tiling.columns, in_points, v, layout, u, out, out_points, m);
    from_points(q.k, q.scheme.kernel, tiling, all, out_points, m, bias ? bias + first : NULL,
                staged, out, out_data + q.out.maps.at(0, first));
  });
}

// How many outputs a thread is to take at a time, so that all threads have some: two vectors, for
// one has too few sums side by side for a product's speed, or one. 0: not by outputs.
int outputs_at_a_time(const Convolution& q, const FilterPoints* kept) {
  if (kept || Tiling(q.out, 1).blocks > 1) {
    return 0;
  }
  for (int vectors = 2; vectors > 0; --vectors) {
    if (q.out.maps.channels >= threads() * vectors * q.k.width) {
      return vectors * q.k.width;
    }
  }
  return 0;
}

// out = filters * in + bias (NULL: none). Both ways give the same bits.
void convolve(const Convolution& q, const float* in_data, const float* bias, FilterPoints* kept,
              float* out_data) {
  std::vector<float> whole_vectors;
  if (bias) {
    whole_vectors.assign(bias, bias + q.out.maps.channels);
    whole_vectors.resize(round_up(q.out.maps.channels, q.k.width));
    bias = whole_vectors.data();
  }
  if (const int part = outputs_at_a_time(q, kept)) {
    convolve_by_outputs(q, part, in_data, bias, out_data);
  } else {
    convolve_by_rows(q, in_data, bias, kept, out_data);
  }
}

}  // namespace

void winograd_forward(const ConvolutionKernels& k, const ConvolutionShape& s, const float* bottom,
                      const float* weight, const float* bias, FilterPoints* kept, float* top) {
  const Scheme scheme(s);
  Filters filters = {weight, s.taps(), s.channels * s.taps(), s.taps(), {}};
  for (int f = 0; f < scheme.phases; ++f) filters.phase[f] = scheme.taps(f);
  const Convolution q = {k, scheme, filters, seen_grid(s, scheme), output_grid(s, scheme)};
  convolve(q, bottom, bias, kept, top);
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
  const Axis axis = {0, w.stride * w.step, w.stride * w.step, {0, 1}};
  Filters filters = {weight, s.channels * s.taps(), s.taps(), s.taps(), {}};
  for (int f = 0; f < w.phases; ++f) {
    const int y = (f / w.stride + s.pad_h) % w.stride, x = (f % w.stride + s.pad_w) % w.stride;
    const Taps taps = w.taps(y * w.stride + x);
    const Taps turned = {taps.at(w.kernel - 1, w.kernel - 1), -taps.down, -taps.across};
    filters.phase[f] = turned;
  }
  const Convolution q = {k, w, filters, top_grid(s, w.phases, axis_in(s.pad_h), axis_in(s.pad_w)),
                         bottom_grid(s, axis, axis)};
  convolve(q, top_diff, NULL, NULL, bottom_diff);
}

}  // namespace cpu_engine
}  // namespace caffe
