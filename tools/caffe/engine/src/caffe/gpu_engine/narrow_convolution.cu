#include "caffe/gpu_engine/narrow_convolution.hpp"

#include <cstddef>

#include "caffe/common.hpp"
#include "caffe/gpu_engine/block.cuh"
#include "caffe/gpu_engine/pack.hpp"

namespace caffe {
namespace gpu_engine {

const int kMostMaps = 4;  // on the narrow side
const int kStrip = 4;     // values beside each other that a thread works on
typedef Pack<float, kStrip> Strip;

static inline __host__ __device__ constexpr int parts(int values, int of) {
  return (values + of - 1) / of;
}
static inline __host__ __device__ constexpr int at_most(int values, int limit) {
  return values < limit ? values : limit;
}

// ---- Tiles of maps, for few outputs --------------------------------------------------------

const int kKernel = 3, kTaps = kKernel * kKernel;
const int kRows = 8, kColumns = 64;  // of a tile, that a block works on at once
const int kAcross = kColumns / kStrip, kStrips = kRows * kAcross;
const int kTileThreads = at_most(kStrips, kThreads);
// A row in shared memory: the columns from the fifth value on, where a strip can be read at once,
// and one more on either side.
const int kFirst = 4, kPitch = kFirst + kColumns + 4;
const int kTileRows = kRows + 2, kTileColumns = kColumns + 2;
typedef float Tile[kTileRows][kPitch];

// The values of a tile that one thread brings: where they are in a map, and in shared memory.
class Bringing {
 public:
  static const int kValues = parts(kTileRows * kTileColumns, kTileThreads);

  __device__ Bringing(int height, int width, int top, int left) {
#pragma unroll
    for (int k = 0; k < kValues; ++k) {
      const int value = k * kTileThreads + threadIdx.x;
      const int row = value / kTileColumns, column = value % kTileColumns;
      const int y = top - 1 + row, x = left - 1 + column;
      const bool inside = y >= 0 && y < height && x >= 0 && x < width;
      from_[k] = inside ? y * width + x : -1;
      to_[k] = row < kTileRows ? row * kPitch + kFirst - 1 + column : -1;
    }
  }

  // All reads begin before the first is waited for. Zeros where the map has no value.
  __device__ void read(const float* map, float (&values)[kValues]) const {
#pragma unroll
    for (int k = 0; k < kValues; ++k) { values[k] = from_[k] < 0 ? 0 : map[from_[k]]; }
  }
  __device__ void put(const float (&values)[kValues], Tile& tile) const {
#pragma unroll
    for (int k = 0; k < kValues; ++k) {
      if (to_[k] >= 0) { (&tile[0][0])[to_[k]] = values[k]; }
    }
  }

 private:
  int from_[kValues], to_[kValues];
};

// A strip's values and its neighbours', of a row of a tile.
static __device__ void read_strip(const float* row, int strip, float (&values)[kStrip + 2]) {
  const float* const first = row + kFirst + strip * kStrip;
  const Strip middle = *reinterpret_cast<const Strip*>(first);
  values[0] = first[-1];
#pragma unroll
  for (int i = 0; i < kStrip; ++i) { values[1 + i] = middle.of[i]; }
  values[kStrip + 1] = first[kStrip];
}

// Rows of whole strips begin where a strip can be written at once: Caffe's blobs do.
static __device__ void write_strip(const Strip& strip, int column, int width, float* row) {
  if (width % kStrip == 0) {
    if (column < width) { *reinterpret_cast<Strip*>(row + column) = strip; }
    return;
  }
#pragma unroll
  for (int i = 0; i < kStrip; ++i) {
    if (column + i < width) { row[column + i] = strip.of[i]; }
  }
}

const int kTogether = 4;  // channels that are brought before they are worked on

// The channels of the next round are on their way while those of this one are worked on.
template <int kOutputs>
__global__ void forward_kernel(ConvolutionShape shape, const float* x, const float* w, float* y) {
  const int kWeights = kTogether * kOutputs * kTaps;
  const int size = shape.height * shape.width, across = parts(shape.width, kColumns);
  const int tiles = across * parts(shape.height, kRows);
  __shared__ __align__(16) Tile maps[kTogether];
  __shared__ float weights[kTogether][kOutputs][kTaps];
  for (int image = blockIdx.y; image < shape.images; image += gridDim.y) {
    for (int tile = blockIdx.x; tile < tiles; tile += gridDim.x) {
      const int top = tile / across * kRows, left = tile % across * kColumns;
      const Bringing bringing(shape.height, shape.width, top, left);
      const float* const first = x + static_cast<ptrdiff_t>(image) * shape.channels * size;
      float brought[kTogether][Bringing::kValues];
      float brought_weights[parts(kWeights, kTileThreads)];
      const auto bring = [&](int begin) {
#pragma unroll
        for (int c = 0; c < kTogether; ++c) {
          if (begin + c < shape.channels) {
            bringing.read(first + static_cast<ptrdiff_t>(begin + c) * size, brought[c]);
          }
        }
#pragma unroll
        for (int k = 0; k < parts(kWeights, kTileThreads); ++k) {
          const int i = k * kTileThreads + threadIdx.x;
          const int tap = i % kTaps, output = i / kTaps % kOutputs, c = i / kTaps / kOutputs;
          if (c < kTogether && begin + c < shape.channels) {
            brought_weights[k] = w[(output * shape.channels + begin + c) * kTaps + tap];
          }
        }
      };
      Strip sums[kStrips / kTileThreads][kOutputs] = {};
      bring(0);
      for (int begin = 0; begin < shape.channels; begin += kTogether) {
        const int channels = min(kTogether, shape.channels - begin);
        block_barrier();  // until nobody reads the last channels any more
#pragma unroll
        for (int c = 0; c < kTogether; ++c) {
          if (c < channels) { bringing.put(brought[c], maps[c]); }
        }
#pragma unroll
        for (int k = 0; k < parts(kWeights, kTileThreads); ++k) {
          const int i = k * kTileThreads + threadIdx.x;
          if (i < kWeights) { (&weights[0][0][0])[i] = brought_weights[k]; }
        }
        block_barrier();
        bring(begin + kTogether);
#pragma unroll
        for (int k = 0; k < kStrips / kTileThreads; ++k) {
          const int strip = k * kTileThreads + threadIdx.x;
          for (int c = 0; c < channels; ++c) {
#pragma unroll
            for (int ky = 0; ky < kKernel; ++ky) {
              float values[kStrip + 2];
              read_strip(maps[c][strip / kAcross + ky], strip % kAcross, values);
#pragma unroll
              for (int output = 0; output < kOutputs; ++output) {
#pragma unroll
                for (int kx = 0; kx < kKernel; ++kx) {
                  const float weight = weights[c][output][ky * kKernel + kx];
#pragma unroll
                  for (int i = 0; i < kStrip; ++i) {
                    sums[k][output].of[i] += weight * values[i + kx];
                  }
                }
              }
            }
          }
        }
      }
#pragma unroll
      for (int k = 0; k < kStrips / kTileThreads; ++k) {
        const int strip = k * kTileThreads + threadIdx.x, row = top + strip / kAcross;
        if (row < shape.height) {
#pragma unroll
          for (int output = 0; output < kOutputs; ++output) {
            float* const map = y + (static_cast<ptrdiff_t>(image) * kOutputs + output) * size;
            write_strip(sums[k][output], left + strip % kAcross * kStrip, shape.width,
                        map + row * shape.width);
          }
        }
      }
    }
  }
}

const int kShare = 32;  // channels that a block makes the gradients of

template <int kOutputs>
__global__ void data_gradient_kernel(ConvolutionShape shape, const float* w, const float* dy,
                                     float* dx) {
  const int size = shape.height * shape.width, across = parts(shape.width, kColumns);
  const int tiles = across * parts(shape.height, kRows), shares = parts(shape.channels, kShare);
  __shared__ __align__(16) Tile gradients[kOutputs];
  __shared__ float weights[kShare][kOutputs][kTaps];
  for (int image = blockIdx.y; image < shape.images; image += gridDim.y) {
    for (int part = blockIdx.x; part < tiles * shares; part += gridDim.x) {
      const int tile = part / shares, begin = part % shares * kShare;
      const int top = tile / across * kRows, left = tile % across * kColumns;
      const int channels = min(kShare, shape.channels - begin);
      const Bringing bringing(shape.height, shape.width, top, left);
      block_barrier();  // until nobody reads the last part any more
#pragma unroll
      for (int output = 0; output < kOutputs; ++output) {
        float brought[Bringing::kValues];
        bringing.read(dy + (static_cast<ptrdiff_t>(image) * kOutputs + output) * size, brought);
        bringing.put(brought, gradients[output]);
      }
      for (int i = threadIdx.x; i < channels * kOutputs * kTaps; i += kTileThreads) {
        const int tap = i % kTaps, output = i / kTaps % kOutputs, c = i / kTaps / kOutputs;
        weights[c][output][tap] = w[(output * shape.channels + begin + c) * kTaps + tap];
      }
      block_barrier();
      for (int strip = threadIdx.x; strip < kStrips; strip += kTileThreads) {
        const int row = top + strip / kAcross;
        float values[kOutputs][kKernel][kStrip + 2];
#pragma unroll
        for (int output = 0; output < kOutputs; ++output) {
#pragma unroll
          for (int ky = 0; ky < kKernel; ++ky) {
            read_strip(gradients[output][strip / kAcross + ky], strip % kAcross,
                       values[output][ky]);
          }
        }
        for (int c = 0; c < channels; ++c) {
          Strip sums = {};
#pragma unroll
          for (int output = 0; output < kOutputs; ++output) {
#pragma unroll
            for (int tap = 0; tap < kTaps; ++tap) {
              // x at (row, column) went to y at (row + 1 - ky, column + 1 - kx).
              const float weight = weights[c][output][kTaps - 1 - tap];
#pragma unroll
              for (int i = 0; i < kStrip; ++i) {
                sums.of[i] += weight * values[output][tap / kKernel][i + tap % kKernel];
              }
            }
          }
          if (row < shape.height) {
            float* const map =
                dx + (static_cast<ptrdiff_t>(image) * shape.channels + begin + c) * size;
            write_strip(sums, left + strip % kAcross * kStrip, shape.width,
                        map + row * shape.width);
          }
        }
      }
    }
  }
}

// ---- Gradient of the filters ---------------------------------------------------------------

// The product of a matrix of the many maps' values, positions by maps, and one of `lines`: for each
// weight of a map, what the few maps have where that weight takes it from. With few outputs the many
// maps are x, and the few dy; with few channels it is the other way round.
struct Sides {
  int images, many, height, width;  // of the many maps
  int few_height, few_width;
  // The few maps' row for a row of the many and a kernel's: scale * row + direction * ky + shift.
  int scale_h, scale_w, direction, shift_h, shift_w;
};

const int kChunk = 64;     // positions that a block works on at once
const int kManyMaps = 64;  // that a block works on
const int kBands = 4;      // of an image's positions; each has sums of its own
const int kManyPitch = kChunk + 4;

template <int kFew, int kKernel>
struct Weights {
  static const int kCount = kFew * kKernel * kKernel;
  static const int kParts = parts(kCount, 16);  // a thread makes the sums of one
  static const int kPart = parts(kCount, kParts);
  static const int kLines = kParts * kPart;  // the last may go with no weight
  static const int kTasks = kManyMaps * kParts;
  static const int kBlock = at_most(kTasks, kThreads);
  static const int kBlocks = parts(512, kBlock);  // at once: with 128 registers a thread
};

// partial[image * kBands + band] has [many][few][ky][kx].
template <int kFew, int kKernel>
__global__ void __launch_bounds__(Weights<kFew, kKernel>::kBlock, Weights<kFew, kKernel>::kBlocks)
filter_gradient_kernel(Sides sides, const float* many, const float* few, float* partial) {
  typedef Weights<kFew, kKernel> W;
  // Threads stand beside each other along a chunk, kDown deep.
  const int kLanes = at_most(kChunk, W::kBlock), kDown = W::kBlock / kLanes;
  const int kRounds = kChunk / kLanes;
  const int lane = threadIdx.x % kLanes, down = threadIdx.x / kLanes;
  const int positions = sides.height * sides.width, chunks = parts(positions, kChunk);
  const int few_size = sides.few_height * sides.few_width;
  const int groups = parts(sides.many, kManyMaps), in_band = parts(chunks, kBands);
  __shared__ __align__(16) float lines[W::kLines][kChunk];
  __shared__ __align__(16) float values[kManyMaps][kManyPitch];
  for (int sum = blockIdx.y; sum < sides.images * kBands; sum += gridDim.y) {
    for (int group = blockIdx.x; group < groups; group += gridDim.x) {
      const int image = sum / kBands, begin = group * kManyMaps;
      const int first = sum % kBands * in_band, last = min(chunks, first + in_band);
      const float* const maps = many + (static_cast<ptrdiff_t>(image) * sides.many + begin) * positions;
      const float* const few_maps = few + static_cast<ptrdiff_t>(image) * kFew * few_size;
      float sums[W::kTasks / W::kBlock][W::kPart] = {};
      for (int chunk = first; chunk < last; ++chunk) {
        // All reads begin before the first is waited for. The pointer moves on, so that there are no
        // addresses to be kept.
        float brought[kRounds][kManyMaps / kDown];
#pragma unroll
        for (int round = 0; round < kRounds; ++round) {
          const int position = chunk * kChunk + round * kLanes + lane;
          const float* from = maps + down * positions + position;
#pragma unroll
          for (int k = 0; k < kManyMaps / kDown; ++k, from += kDown * positions) {
            const bool inside = begin + k * kDown + down < sides.many && position < positions;
            brought[round][k] = inside ? *from : 0;
          }
        }
        block_barrier();  // until nobody reads the last chunk any more
#pragma unroll
        for (int round = 0; round < kRounds; ++round) {
          const int at = round * kLanes + lane, position = chunk * kChunk + at;
#pragma unroll
          for (int k = 0; k < kManyMaps / kDown; ++k) {
            values[k * kDown + down][at] = brought[round][k];
          }
          const int row = position / sides.width, column = position - row * sides.width;
          const int top = sides.scale_h * row + sides.shift_h;
          const int left = sides.scale_w * column + sides.shift_w;
#pragma unroll 4
          for (int line = down; line < W::kLines; line += kDown) {
            const int kx = line % kKernel, ky = line / kKernel % kKernel;
            const int y = top + sides.direction * ky, x = left + sides.direction * kx;
            const bool inside = line < W::kCount && position < positions && y >= 0 &&
                                y < sides.few_height && x >= 0 && x < sides.few_width;
            const int map = line / (kKernel * kKernel);
            lines[line][at] = inside ? few_maps[map * few_size + y * sides.few_width + x] : 0;
          }
        }
        block_barrier();
#pragma unroll
        for (int k = 0; k < W::kTasks / W::kBlock; ++k) {
          const int task = k * W::kBlock + threadIdx.x;
          const int map = task % kManyMaps, part = task / kManyMaps;
          for (int i = 0; i < kChunk; i += kStrip) {
            const Strip of_many = *reinterpret_cast<const Strip*>(&values[map][i]);
#pragma unroll
            for (int weight = 0; weight < W::kPart; ++weight) {
              const Strip of_few =
                  *reinterpret_cast<const Strip*>(&lines[part * W::kPart + weight][i]);
#pragma unroll
              for (int j = 0; j < kStrip; ++j) {
                sums[k][weight] += of_many.of[j] * of_few.of[j];
              }
            }
          }
        }
      }
#pragma unroll
      for (int k = 0; k < W::kTasks / W::kBlock; ++k) {
        const int task = k * W::kBlock + threadIdx.x;
        const int map = begin + task % kManyMaps, part = task / kManyMaps;
        const ptrdiff_t of_map = (static_cast<ptrdiff_t>(sum) * sides.many + map) * W::kCount;
#pragma unroll
        for (int i = 0; i < W::kPart; ++i) {
          const int weight = part * W::kPart + i;
          if (map < sides.many && weight < W::kCount) { partial[of_map + weight] = sums[k][i]; }
        }
      }
    }
  }
}

// partial's weights are [many][few][taps]; dw's [output][channel][taps].
__global__ void join_filter_gradients(int count, int sums, int many, int few, int taps,
                                      bool few_outputs, const float* partial, float* dw) {
  CUDA_KERNEL_LOOP(i, count) {
    double total = 0;
    for (int sum = 0; sum < sums; ++sum) {
      total += partial[static_cast<ptrdiff_t>(sum) * count + i];
    }
    const int tap = i % taps, of_few = i / taps % few, of_many = i / taps / few;
    dw[(few_outputs ? of_few * many + of_many : of_many * few + of_few) * taps + tap] += total;
  }
}

// ---- Launches ------------------------------------------------------------------------------

// Calls launch with a number as a type's constant.
template <int kValue>
struct Constant {
  static const int value = kValue;
};
template <typename Launch>
static void with_constant(int value, const Launch& launch) {
  switch (value) {
    case 1: launch(Constant<1>()); break;
    case 2: launch(Constant<2>()); break;
    case 3: launch(Constant<3>()); break;
    case 4: launch(Constant<4>()); break;
    default: LOG(FATAL) << value << " is more than " << kMostMaps;
  }
  CUDA_POST_KERNEL_CHECK;
}

static int tiles_of(const ConvolutionShape& shape) {
  return parts(shape.width, kColumns) * parts(shape.height, kRows);
}

bool has_narrow_forward(const ConvolutionShape& shape) {
  return shape.outputs <= kMostMaps && shape.groups == 1 && shape.kernel_h == kKernel &&
         shape.kernel_w == kKernel && shape.pad_h == 1 && shape.pad_w == 1 &&
         shape.stride_h == 1 && shape.stride_w == 1;
}

bool has_narrow_filter_gradient(const ConvolutionShape& shape) {
  const bool few_channels = shape.channels <= kMostMaps && shape.groups == 1 &&
                            shape.kernel_h == shape.kernel_w &&
                            (shape.kernel_h == 3 || shape.kernel_h == 4);
  return few_channels || has_narrow_forward(shape);
}

void narrow_forward(const ConvolutionShape& shape, const float* x, const float* w, float* y) {
  const dim3 grid(tiles_of(shape), shape.images);
  with_constant(shape.outputs, [&](auto outputs) {
    forward_kernel<decltype(outputs)::value><<<grid, kTileThreads>>>(shape, x, w, y);
  });
}

void narrow_data_gradient(const ConvolutionShape& shape, const float* w, const float* dy,
                          float* dx) {
  const dim3 grid(tiles_of(shape) * parts(shape.channels, kShare), shape.images);
  with_constant(shape.outputs, [&](auto outputs) {
    data_gradient_kernel<decltype(outputs)::value><<<grid, kTileThreads>>>(shape, w, dy, dx);
  });
}

size_t narrow_filter_gradient_bytes(const ConvolutionShape& shape) {
  return sizeof(float) * shape.images * kBands * shape.weights();
}

void narrow_filter_gradient(const ConvolutionShape& shape, const float* x, const float* dy,
                            void* workspace, float* dw) {
  const bool few_outputs = has_narrow_forward(shape);
  const Sides with_few_outputs = {shape.images, shape.channels, shape.height, shape.width,
                                  shape.out_height, shape.out_width, 1, 1, -1, 1, 1};
  const Sides with_few_channels = {shape.images, shape.outputs, shape.out_height,
                                   shape.out_width, shape.height, shape.width,
                                   shape.stride_h, shape.stride_w, 1, -shape.pad_h, -shape.pad_w};
  const Sides sides = few_outputs ? with_few_outputs : with_few_channels;
  const float* const many = few_outputs ? x : dy;
  const float* const few = few_outputs ? dy : x;
  const int few_maps = few_outputs ? shape.outputs : shape.channels;
  float* const partial = static_cast<float*>(workspace);
  const dim3 grid(parts(sides.many, kManyMaps), shape.images * kBands);
  with_constant(few_maps, [&](auto maps) {
    const int kFew = decltype(maps)::value;
    if (shape.kernel_h == 3) {
      filter_gradient_kernel<kFew, 3>
          <<<grid, Weights<kFew, 3>::kBlock>>>(sides, many, few, partial);
    } else {
      filter_gradient_kernel<kFew, 4>
          <<<grid, Weights<kFew, 4>::kBlock>>>(sides, many, few, partial);
    }
  });
  join_filter_gradients<<<CAFFE_GET_BLOCKS(shape.weights()), CAFFE_CUDA_NUM_THREADS>>>(
      shape.weights(), shape.images * kBands, sides.many, few_maps,
      shape.kernel_h * shape.kernel_w, few_outputs, partial, dw);
  CUDA_POST_KERNEL_CHECK;
}

}  // namespace gpu_engine
}  // namespace caffe
