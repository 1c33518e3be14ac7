#include "caffe/gpu_engine/normalization.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <initializer_list>

#include "caffe/common.hpp"
#include "caffe/gpu_engine/block.cuh"
#include "caffe/gpu_engine/pack.hpp"
#include "caffe/gpu_engine/scratch.hpp"

namespace caffe {
namespace gpu_engine {

// Values of one channel that a block works on: each thread keeps 16 of them in registers.
const int kTile = 4096;
const int kMostBlocks = 65535;  // in a grid's second dimension

static inline __host__ __device__ int tiles_of(const Maps& maps) {
  return (maps.images * maps.size + kTile - 1) / kTile;
}

// The values of one tile that one thread works on, kPacks packs, each in one map.
template <typename Dtype, int kWidth>
class Part {
 public:
  static const int kPacks = kTile / kThreads / kWidth;

  __device__ Part(const Maps& maps, int channel, int tile)
      : maps_(maps), channel_(channel), begin_(tile * kTile) {}

  // Values of the whole tile: the channel's last may be a short one.
  __device__ int count() const { return min(kTile, maps_.images * maps_.size - begin_); }
  __device__ bool has(int pack) const { return in_tile(pack) < count(); }

  __device__ Dtype first(const Dtype* blob) const { return blob[place_of(begin_)]; }
  __device__ Pack<Dtype, kWidth> read(const Dtype* blob, int pack) const {
    return *reinterpret_cast<const Pack<Dtype, kWidth>*>(blob + place(pack));
  }
  __device__ void write(const Pack<Dtype, kWidth>& values, int pack, Dtype* blob) const {
    *reinterpret_cast<Pack<Dtype, kWidth>*>(blob + place(pack)) = values;
  }

 private:
  __device__ int in_tile(int pack) const { return (pack * kThreads + threadIdx.x) * kWidth; }
  __device__ ptrdiff_t place(int pack) const { return place_of(begin_ + in_tile(pack)); }
  __device__ ptrdiff_t place_of(int value) const {
    const int image = value / maps_.size;
    return (static_cast<ptrdiff_t>(image) * maps_.channels + channel_) * maps_.size + value -
           image * maps_.size;
  }

  const Maps maps_;
  const int channel_, begin_;
};

// A block goes through the tiles that are its own; every thread of it meets the same ones.
#define FOR_TILES(maps, channel, tile)                                          \
  for (int channel = blockIdx.y; channel < maps.channels; channel += gridDim.y) \
    for (int tile = blockIdx.x; tile < tiles_of(maps); tile += gridDim.x)

// And a block of the kernels that put tiles together, through the channels.
#define FOR_CHANNELS(channels, channel) \
  for (int channel = blockIdx.x; channel < channels; channel += gridDim.x)

// What a channel goes through: z = (x - mean) scale + offset, and y = act(gamma z + beta). The mean
// is split in two, mean and offset: where it is large against the deviation, the rest counts.
template <typename Dtype>
struct Line {
  Dtype mean, scale, offset, gamma, beta;
};

template <typename Dtype>
static __device__ Dtype gamma_of(const Affine<Dtype>& affine, int channel) {
  return affine.gamma == NULL ? Dtype(1) : affine.gamma[channel];
}

template <typename Dtype>
static __device__ Dtype beta_of(const Affine<Dtype>& affine, int channel) {
  return affine.beta == NULL ? Dtype(0) : affine.beta[channel];
}

template <typename Dtype>
static __device__ void set_line(double mean, double deviation, const Affine<Dtype>& affine,
                                int channel, int channels, Dtype* kept, Line<Dtype>* line) {
  line->mean = mean;
  line->scale = 1 / deviation;
  line->offset = (line->mean - mean) / deviation;
  line->gamma = gamma_of(affine, channel);
  line->beta = beta_of(affine, channel);
  if (kept != NULL) {
    kept[channel] = line->gamma;
    kept[channels + channel] = line->beta;
  }
}

// ---- Statistics ----------------------------------------------------------------------------

// Of a tile: its first value, what the mean has above that, and the sum of the squared differences
// from the mean.
template <typename Dtype>
struct Moments {
  Dtype first, mean, squares;
  __device__ double whole_mean() const { return static_cast<double>(first) + mean; }
};

// The tile is read once. Differences are summed, and squares about the tile's own mean, so that no
// digit is lost where the mean is large against the deviation.
template <typename Dtype, int kWidth>
__global__ void tile_moments(Maps maps, const Dtype* x, Moments<Dtype>* moments) {
  FOR_TILES(maps, channel, tile) {
    const Part<Dtype, kWidth> part(maps, channel, tile);
    const Dtype first = part.first(x);
    Pack<Dtype, kWidth> kept[part.kPacks];
    ThreadSum<Dtype> sum = 0;
#pragma unroll
    for (int k = 0; k < part.kPacks; ++k) {
      if (part.has(k)) {
        kept[k] = part.read(x, k);
        for (int j = 0; j < kWidth; ++j) {
          kept[k].of[j] -= first;
          sum += kept[k].of[j];
        }
      }
    }
    const Dtype mean = block_sum(sum) / part.count();
    ThreadSum<Dtype> squares = 0;
#pragma unroll
    for (int k = 0; k < part.kPacks; ++k) {
      if (part.has(k)) {
        for (int j = 0; j < kWidth; ++j) {
          const Dtype difference = kept[k].of[j] - mean;
          squares += difference * difference;
        }
      }
    }
    squares = block_sum(squares);
    if (threadIdx.x == 0) {
      const Moments<Dtype> of_tile = {first, mean, static_cast<Dtype>(squares)};
      moments[channel * tiles_of(maps) + tile] = of_tile;
    }
  }
}

template <typename Dtype>
__global__ void join_moments(Maps maps, Affine<Dtype> affine, Statistics<Dtype> statistics,
                             const Moments<Dtype>* moments, Dtype* kept, Line<Dtype>* lines) {
  const int tiles = tiles_of(maps), values = maps.images * maps.size;
  FOR_CHANNELS(maps.channels, channel) {
    const Moments<Dtype>* const of = moments + channel * tiles;
    double sum = 0;
    for (int tile = threadIdx.x; tile < tiles; tile += kThreads) {
      sum += of[tile].whole_mean() * min(kTile, values - tile * kTile);
    }
    const double mean = block_sum(sum) / values;
    double squares = 0;
    for (int tile = threadIdx.x; tile < tiles; tile += kThreads) {
      const double difference = of[tile].whole_mean() - mean;
      squares += of[tile].squares + difference * difference * min(kTile, values - tile * kTile);
    }
    const double variance = block_sum(squares) / values;
    if (threadIdx.x == 0) {
      const double deviation = sqrt(variance + statistics.eps);
      const double unbiased = values > 1 ? variance * values / (values - 1) : variance;
      Dtype* const average_mean = statistics.average_mean + channel;
      Dtype* const average_variance = statistics.average_variance + channel;
      statistics.mean[channel] = mean;
      statistics.deviation[channel] = deviation;
      *average_mean = statistics.fraction * *average_mean + mean;
      *average_variance = statistics.fraction * *average_variance + unbiased;
      set_line(mean, deviation, affine, channel, maps.channels, kept, &lines[channel]);
    }
  }
}

template <typename Dtype>
__global__ void take_averages(int channels, Affine<Dtype> affine, Statistics<Dtype> statistics,
                              Dtype factor, Dtype* kept, Line<Dtype>* lines) {
  CUDA_KERNEL_LOOP(channel, channels) {
    const double mean = static_cast<double>(factor) * statistics.average_mean[channel];
    const double variance = static_cast<double>(factor) * statistics.average_variance[channel];
    const double deviation = sqrt(variance + statistics.eps);
    statistics.mean[channel] = mean;
    statistics.deviation[channel] = deviation;
    set_line(mean, deviation, affine, channel, channels, kept, &lines[channel]);
  }
}

template <typename Dtype>
__global__ void leave_as_is(int channels, Affine<Dtype> affine, Line<Dtype>* lines) {
  CUDA_KERNEL_LOOP(channel, channels) {
    set_line<Dtype>(0, 1, affine, channel, channels, NULL, &lines[channel]);
  }
}

// ---- Forward -------------------------------------------------------------------------------

template <typename Dtype, int kWidth>
__global__ void follow_lines(Maps maps, const Line<Dtype>* lines, Dtype slope, const Dtype* x,
                             Dtype* z, Dtype* y) {
  FOR_TILES(maps, channel, tile) {
    const Part<Dtype, kWidth> part(maps, channel, tile);
    const Line<Dtype> line = lines[channel];
#pragma unroll
    for (int k = 0; k < part.kPacks; ++k) {
      if (part.has(k)) {
        Pack<Dtype, kWidth> normal = part.read(x, k), out;
        for (int j = 0; j < kWidth; ++j) {
          normal.of[j] = (normal.of[j] - line.mean) * line.scale + line.offset;
          const Dtype value = line.gamma * normal.of[j] + line.beta;
          out.of[j] = value > 0 ? value : slope * value;
        }
        if (z != NULL) { part.write(normal, k, z); }
        part.write(out, k, y);
      }
    }
  }
}

// ---- Backward ------------------------------------------------------------------------------

// One channel's Affine.
template <typename Dtype>
struct Channel {
  Dtype gamma, beta, slope;

  __device__ Channel(const Affine<Dtype>& affine, int channel)
      : gamma(gamma_of(affine, channel)), beta(beta_of(affine, channel)), slope(affine.slope) {}

  // The gradient at gamma z + beta.
  __device__ Dtype before_act(Dtype z, Dtype dy) const {
    return gamma * z + beta > 0 ? dy : slope * dy;
  }
};

// Of the gradients before act: their sum, and that of their products with z.
template <typename Dtype>
struct GradientSums {
  Dtype plain, with_z;
};

template <typename Dtype, int kWidth>
__global__ void tile_gradient_sums(Maps maps, Affine<Dtype> affine, const Dtype* z,
                                   const Dtype* dy, GradientSums<Dtype>* sums) {
  FOR_TILES(maps, channel, tile) {
    const Part<Dtype, kWidth> part(maps, channel, tile);
    const Channel<Dtype> of(affine, channel);
    ThreadSum<Dtype> plain = 0, with_z = 0;
#pragma unroll
    for (int k = 0; k < part.kPacks; ++k) {
      if (part.has(k)) {
        const Pack<Dtype, kWidth> normal = part.read(z, k), from = part.read(dy, k);
        for (int j = 0; j < kWidth; ++j) {
          const Dtype g = of.before_act(normal.of[j], from.of[j]);
          plain += g;
          with_z += g * normal.of[j];
        }
      }
    }
    plain = block_sum(plain);
    with_z = block_sum(with_z);
    if (threadIdx.x == 0) {
      const GradientSums<Dtype> of_tile = {static_cast<Dtype>(plain), static_cast<Dtype>(with_z)};
      sums[channel * tiles_of(maps) + tile] = of_tile;
    }
  }
}

// dx = of_g g + of_z z + constant, g being the gradient before act.
template <typename Dtype>
struct Terms {
  Dtype of_g, of_z, constant;
};

// With statistics of the batch, a shift of x and a stretch about its mean change nothing: those
// parts of the gradient vanish.
template <typename Dtype>
__global__ void join_gradient_sums(Maps maps, Affine<Dtype> affine, const Dtype* deviation,
                                   bool of_batch, const GradientSums<Dtype>* sums,
                                   Gradients<Dtype> gradients, Terms<Dtype>* terms) {
  const int tiles = tiles_of(maps);
  FOR_CHANNELS(maps.channels, channel) {
    double plain = 0, with_z = 0;
    for (int tile = threadIdx.x; sums != NULL && tile < tiles; tile += kThreads) {
      plain += sums[channel * tiles + tile].plain;
      with_z += sums[channel * tiles + tile].with_z;
    }
    plain = block_sum(plain);
    with_z = block_sum(with_z);
    if (threadIdx.x == 0) {
      if (gradients.dgamma != NULL) { gradients.dgamma[channel] += with_z; }
      if (gradients.dbeta != NULL) { gradients.dbeta[channel] += plain; }
      const double scale =
          gamma_of(affine, channel) / (deviation == NULL ? 1. : deviation[channel]);
      const double of_value = of_batch ? -scale / (maps.images * maps.size) : 0;
      const Terms<Dtype> made = {Dtype(scale), Dtype(of_value * with_z), Dtype(of_value * plain)};
      terms[channel] = made;
    }
  }
}

// z may be NULL where g is dy, and of_z 0.
template <typename Dtype, int kWidth>
__global__ void follow_terms(Maps maps, Affine<Dtype> affine, const Terms<Dtype>* terms,
                             const Dtype* z, const Dtype* dy, Dtype* dx) {
  FOR_TILES(maps, channel, tile) {
    const Part<Dtype, kWidth> part(maps, channel, tile);
    const Channel<Dtype> of(affine, channel);
    const Terms<Dtype> term = terms[channel];
#pragma unroll
    for (int k = 0; k < part.kPacks; ++k) {
      if (part.has(k)) {
        Pack<Dtype, kWidth> gradient = part.read(dy, k);
        if (z == NULL) {
          for (int j = 0; j < kWidth; ++j) {
            gradient.of[j] = term.of_g * gradient.of[j] + term.constant;
          }
        } else {
          const Pack<Dtype, kWidth> normal = part.read(z, k);
          for (int j = 0; j < kWidth; ++j) {
            const Dtype g = of.before_act(normal.of[j], gradient.of[j]);
            gradient.of[j] = term.of_g * g + term.of_z * normal.of[j] + term.constant;
          }
        }
        part.write(gradient, k, dx);
      }
    }
  }
}

// ---- Launches ------------------------------------------------------------------------------

static dim3 grid_of(const Maps& maps) {
  return dim3(tiles_of(maps), std::min(maps.channels, kMostBlocks));
}

// Whether all of the blobs, NULL or not, can be read four values at a time.
template <typename Dtype>
static bool in_fours(const Maps& maps, std::initializer_list<const Dtype*> blobs) {
  bool fit = maps.size % 4 == 0;
  for (const Dtype* blob : blobs) {
    fit = fit && reinterpret_cast<uintptr_t>(blob) % sizeof(Pack<Dtype, 4>) == 0;
  }
  return fit;
}

// Room for a line of each channel, and for `tiles_bytes` of what tiles give.
template <typename Dtype>
static Line<Dtype>* scratch_lines(const Maps& maps, size_t tiles_bytes) {
  return static_cast<Line<Dtype>*>(gpu_scratch(sizeof(Line<Dtype>) * maps.channels + tiles_bytes));
}

template <typename Dtype>
static void follow(const Maps& maps, const Line<Dtype>* lines, Dtype slope, const Dtype* x,
                   Dtype* z, Dtype* y) {
  if (in_fours<Dtype>(maps, {x, z, y})) {
    follow_lines<Dtype, 4><<<grid_of(maps), kThreads>>>(maps, lines, slope, x, z, y);
  } else {
    follow_lines<Dtype, 1><<<grid_of(maps), kThreads>>>(maps, lines, slope, x, z, y);
  }
  CUDA_POST_KERNEL_CHECK;
}

template <typename Dtype>
void normalize_batch(const Maps& maps, const Affine<Dtype>& affine,
                     const Statistics<Dtype>& statistics, const Dtype* x, Dtype* kept, Dtype* z,
                     Dtype* y) {
  Line<Dtype>* const lines = scratch_lines<Dtype>(
      maps, sizeof(Moments<Dtype>) * maps.channels * tiles_of(maps));
  Moments<Dtype>* const moments = reinterpret_cast<Moments<Dtype>*>(lines + maps.channels);
  if (in_fours<Dtype>(maps, {x})) {
    tile_moments<Dtype, 4><<<grid_of(maps), kThreads>>>(maps, x, moments);
  } else {
    tile_moments<Dtype, 1><<<grid_of(maps), kThreads>>>(maps, x, moments);
  }
  join_moments<Dtype>
      <<<maps.channels, kThreads>>>(maps, affine, statistics, moments, kept, lines);
  follow(maps, lines, affine.slope, x, z, y);
}

template <typename Dtype>
void normalize_by_averages(const Maps& maps, const Affine<Dtype>& affine,
                           const Statistics<Dtype>& statistics, Dtype factor, const Dtype* x,
                           Dtype* kept, Dtype* z, Dtype* y) {
  Line<Dtype>* const lines = scratch_lines<Dtype>(maps, 0);
  take_averages<Dtype><<<CAFFE_GET_BLOCKS(maps.channels), CAFFE_CUDA_NUM_THREADS>>>(
      maps.channels, affine, statistics, factor, kept, lines);
  follow(maps, lines, affine.slope, x, z, y);
}

template <typename Dtype>
void scale(const Maps& maps, const Affine<Dtype>& affine, const Dtype* x, Dtype* z, Dtype* y) {
  Line<Dtype>* const lines = scratch_lines<Dtype>(maps, 0);
  leave_as_is<Dtype><<<CAFFE_GET_BLOCKS(maps.channels), CAFFE_CUDA_NUM_THREADS>>>(
      maps.channels, affine, lines);
  follow(maps, lines, affine.slope, x, z, y);
}

template <typename Dtype>
void normalize_backward(const Maps& maps, const Affine<Dtype>& affine, const Dtype* deviation,
                        bool of_batch, const Dtype* z, const Dtype* dy,
                        const Gradients<Dtype>& gradients) {
  const bool summed = of_batch || gradients.dgamma != NULL || gradients.dbeta != NULL;
  Terms<Dtype>* const terms = static_cast<Terms<Dtype>*>(
      gpu_scratch(sizeof(Terms<Dtype>) * maps.channels +
                  sizeof(GradientSums<Dtype>) * maps.channels * tiles_of(maps)));
  GradientSums<Dtype>* const sums =
      summed ? reinterpret_cast<GradientSums<Dtype>*>(terms + maps.channels) : NULL;
  const bool fours = in_fours<Dtype>(maps, {z, dy, gradients.dx});
  if (summed && fours) {
    tile_gradient_sums<Dtype, 4><<<grid_of(maps), kThreads>>>(maps, affine, z, dy, sums);
  } else if (summed) {
    tile_gradient_sums<Dtype, 1><<<grid_of(maps), kThreads>>>(maps, affine, z, dy, sums);
  }
  join_gradient_sums<Dtype>
      <<<maps.channels, kThreads>>>(maps, affine, deviation, of_batch, sums, gradients, terms);
  Dtype* const dx = gradients.dx;
  if (dx != NULL && fours) {
    follow_terms<Dtype, 4><<<grid_of(maps), kThreads>>>(maps, affine, terms, z, dy, dx);
  } else if (dx != NULL) {
    follow_terms<Dtype, 1><<<grid_of(maps), kThreads>>>(maps, affine, terms, z, dy, dx);
  }
  CUDA_POST_KERNEL_CHECK;
}

#define INSTANTIATE(Dtype)                                                                        \
  template void normalize_batch<Dtype>(const Maps&, const Affine<Dtype>&,                         \
                                       const Statistics<Dtype>&, const Dtype*, Dtype*, Dtype*,    \
                                       Dtype*);                                                   \
  template void normalize_by_averages<Dtype>(const Maps&, const Affine<Dtype>&,                   \
                                             const Statistics<Dtype>&, Dtype, const Dtype*,       \
                                             Dtype*, Dtype*, Dtype*);                             \
  template void scale<Dtype>(const Maps&, const Affine<Dtype>&, const Dtype*, Dtype*, Dtype*);    \
  template void normalize_backward<Dtype>(const Maps&, const Affine<Dtype>&, const Dtype*, bool,  \
                                          const Dtype*, const Dtype*, const Gradients<Dtype>&)
INSTANTIATE(float);
INSTANTIATE(double);

}  // namespace gpu_engine
}  // namespace caffe
