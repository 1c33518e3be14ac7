// Convolution of any kind by matrix products with columns of inputs (im2col).
//
// A block of output pixels, some rows of one image or some whole images, has its inputs laid out
// as columns, [channels x taps][pixels], in a thread's own cache; Caffe's own code lays out a whole
// image at a time, in memory.
#include <algorithm>
#include <cstring>

#include "caffe/cpu_engine/convolution.hpp"
#include "caffe/cpu_engine/convolution_kernels.hpp"
#include "caffe/cpu_engine/parallel.hpp"

namespace caffe {
namespace cpu_engine {

namespace {

const int kColumnFloats = 1 << 16;  // of a block's columns, a quarter of a common L2 cache
const int kFewestPixels = 48, kMostPixels = 512;

// A convolution's group, and how its output pixels are cut into blocks.
struct Plan {
  const ConvolutionShape& s;
  int group_channels, group_outputs;
  int depth;          // rows of the columns: channels x taps
  int block_rows;     // output rows of a block, in one image,
  int block_images;   // or whole images of a block
  int image_blocks;   // blocks that an image is cut into, if it is
  int blocks;
  ptrdiff_t pixels;   // stride between rows of a block's matrices

  explicit Plan(const ConvolutionShape& s)
      : s(s), group_channels(s.channels / s.group), group_outputs(s.outputs / s.group),
        depth(group_channels * s.taps()) {
    const int aim = std::max(kFewestPixels, std::min(kMostPixels, kColumnFloats / depth));
    block_rows = std::min(s.out_height, std::max(1, aim / s.out_width));
    block_images = block_rows < s.out_height ? 1 : std::min(s.num, std::max(1, aim / s.out_size()));
    image_blocks = (s.out_height + block_rows - 1) / block_rows;
    blocks = (s.num + block_images - 1) / block_images * image_blocks;
    pixels = row_stride(block_images * block_rows * s.out_width);
  }
};

// Images [n, n_end) and output rows [y, y_end) of each.
struct Block {
  int n, n_end, y, y_end;

  Block(const Plan& plan, int index)
      : n(index / plan.image_blocks * plan.block_images),
        n_end(std::min(n + plan.block_images, plan.s.num)),
        y(index % plan.image_blocks * plan.block_rows),
        y_end(std::min(y + plan.block_rows, plan.s.out_height)) {}
  int rows() const { return (n_end - n) * (y_end - y); }
};

// For one tap, the output columns [begin, end) whose input lies inside the image.
struct Inside {
  int begin, end, first;  // first: the input's column at output column 0

  Inside(const ConvolutionShape& s, int kx) : first(kx * s.dilation_w - s.pad_w) {
    begin = first >= 0 ? 0 : std::min(s.out_width, (-first + s.stride_w - 1) / s.stride_w);
    end = first >= s.width
              ? begin
              : std::max(begin, std::min(s.out_width, (s.width - 1 - first) / s.stride_w + 1));
  }
};

// Calls visit(row of the columns, pixel, inside, input row or NULL) for channels [c, c_end) of a
// group, every tap, and every output row of the block.
template <typename Float, typename Visit>
void for_each_row(const Plan& plan, const Block& block, Float* images, int c, int c_end,
                  const Visit& visit) {
  const ConvolutionShape& s = plan.s;
  int row = 0;
  for (; c < c_end; ++c) {
    for (int ky = 0; ky < s.kernel_h; ++ky) {
      for (int kx = 0; kx < s.kernel_w; ++kx, ++row) {
        const Inside inside(s, kx);
        int pixel = 0;
        for (int n = block.n; n < block.n_end; ++n) {
          Float* const plane =
              images + (static_cast<ptrdiff_t>(n) * s.channels + c) * s.image_size();
          for (int y = block.y; y < block.y_end; ++y, pixel += s.out_width) {
            const int in_y = y * s.stride_h - s.pad_h + ky * s.dilation_h;
            visit(row, pixel, inside,
                  in_y >= 0 && in_y < s.height ? plane + in_y * s.width : NULL);
          }
        }
      }
    }
  }
}

// Lays the inputs of a block out as columns.
void gather(const Plan& plan, const Block& block, const float* bottom, int first_channel,
            float* columns) {
  const ConvolutionShape& s = plan.s;
  for_each_row(plan, block, bottom, first_channel, first_channel + plan.group_channels,
               [&](int row, int pixel, const Inside& inside, const float* input) {
    float* __restrict const out = columns + row * plan.pixels + pixel;
    if (input == NULL) {
      std::fill(out, out + s.out_width, 0.0f);
      return;
    }
    const float* const first = input + inside.first;
    for (int x = 0; x < inside.begin; ++x) out[x] = 0;
    if (s.stride_w == 1) {
      std::copy(first + inside.begin, first + inside.end, out + inside.begin);
    } else if (s.stride_w == 2) {  // written out, so that the compiler can use vectors
      for (int x = inside.begin; x < inside.end; ++x) out[x] = first[2 * x];
    } else {
      for (int x = inside.begin; x < inside.end; ++x) out[x] = first[x * s.stride_w];
    }
    for (int x = inside.end; x < s.out_width; ++x) out[x] = 0;
  });
}

// Adds columns of channels [c, c_end) to the inputs that they came from.
void scatter(const Plan& plan, const Block& block, const float* columns, int c, int c_end,
             float* bottom) {
  const ConvolutionShape& s = plan.s;
  for_each_row(plan, block, bottom, c, c_end,
               [&](int row, int pixel, const Inside& inside, float* input) {
    if (input == NULL) {
      return;
    }
    const float* __restrict const in = columns + row * plan.pixels + pixel;
    float* const first = input + inside.first;
    if (s.stride_w == 1) {
      for (int x = inside.begin; x < inside.end; ++x) first[x] += in[x];
    } else {
      for (int x = inside.begin; x < inside.end; ++x) first[x * s.stride_w] += in[x];
    }
  });
}

// Sets some channels of each group of the images from n on, a block's, to 0.
void clear(const Plan& plan, int n, const Share& channels, float* bottom) {
  const ConvolutionShape& s = plan.s;
  for (const int end = std::min(n + plan.block_images, s.num); n < end; ++n) {
    for (int g = 0; g < s.group; ++g) {
      const ptrdiff_t first =
          static_cast<ptrdiff_t>(n) * s.channels + g * plan.group_channels + channels.begin;
      std::memset(bottom + first * s.image_size(), 0,
                  sizeof(float) * (channels.end - channels.begin) * s.image_size());
    }
  }
}

// Calls visit(output, pixel, its first pixel in the top blob, how many follow) for a block.
template <typename Visit>
void for_each_output(const Plan& plan, const Block& block, int first_output, const Visit& visit) {
  const ConvolutionShape& s = plan.s;
  const int count = (block.y_end - block.y) * s.out_width;
  for (int o = 0; o < plan.group_outputs; ++o) {
    for (int n = block.n; n < block.n_end; ++n) {
      visit(o, (n - block.n) * count,
            (static_cast<ptrdiff_t>(n) * s.outputs + first_output + o) * s.out_size() +
                block.y * s.out_width,
            count);
    }
  }
}

}  // namespace

void columns_forward(const ConvolutionKernels& k, const ConvolutionShape& s, const float* bottom,
                     const float* weight, const float* bias, float* top) {
  const Plan plan(s);
  const int used = std::min(threads(), plan.blocks);
  const ptrdiff_t own_size = (plan.depth + plan.group_outputs) * plan.pixels;
  float* const own = Workspace::of_this_thread().reserve(used * own_size);
  share_out(used, plan.blocks, [&](int thread, int index) {
    float* const columns = own + thread * own_size;
    float* const products = columns + plan.depth * plan.pixels;
    const Block block(plan, index);
    const int count = round_up(block.rows() * s.out_width, k.width);
    for (int g = 0; g < s.group; ++g) {
      const int first_output = g * plan.group_outputs;
      gather(plan, block, bottom, g * plan.group_channels, columns);
      const Product product = {plan.group_outputs,
                               count,
                               plan.depth,
                               weight + static_cast<ptrdiff_t>(first_output) * plan.depth,
                               plan.depth,
                               1,
                               columns,
                               k.panel,
                               plan.pixels,
                               products,
                               plan.pixels,
                               false};
      k.multiply(product);
      for_each_output(plan, block, first_output, [&](int o, int pixel, ptrdiff_t at, int pixels) {
        const float* const from = products + o * plan.pixels + pixel;
        const float added = bias ? bias[first_output + o] : 0;
        for (int i = 0; i < pixels; ++i) top[at + i] = from[i] + added;
      });
    }
  });
}

void columns_backward_data(const ConvolutionKernels& k, const ConvolutionShape& s,
                           const float* top_diff, const float* weight, float* bottom_diff) {
  const Plan plan(s);
  // Blocks of one image add to the same inputs, so one thread takes all of them; where there are
  // fewer images than threads, it does so for some of the channels.
  const int bundles = (s.num + plan.block_images - 1) / plan.block_images;
  const int by_channel = std::min((threads() + bundles - 1) / bundles, plan.group_channels);
  const int used = std::min(threads(), bundles * by_channel);
  const ptrdiff_t own_size = (plan.depth + plan.group_outputs) * plan.pixels;
  float* const own = Workspace::of_this_thread().reserve(used * own_size);
  share_out(used, bundles * by_channel, [&](int thread, int task) {
    float* const columns = own + thread * own_size;
    float* const diffs = columns + plan.depth * plan.pixels;
    const Share channels(plan.group_channels, task % by_channel, by_channel);
    clear(plan, task / by_channel * plan.block_images, channels, bottom_diff);
    for (int i = 0; i < plan.image_blocks; ++i) {
      const Block block(plan, task / by_channel * plan.image_blocks + i);
      const int count = round_up(block.rows() * s.out_width, k.width);
      for (int g = 0; g < s.group; ++g) {
        const int first_output = g * plan.group_outputs;
        for_each_output(plan, block, first_output,
                        [&](int o, int pixel, ptrdiff_t at, int pixels) {
          std::copy(top_diff + at, top_diff + at + pixels, diffs + o * plan.pixels + pixel);
        });
        const float* const filters = weight + static_cast<ptrdiff_t>(first_output) * plan.depth;
        const Product product = {(channels.end - channels.begin) * s.taps(),
                                 count,
                                 plan.group_outputs,
                                 filters + channels.begin * s.taps(),
                                 1,
                                 plan.depth,
                                 diffs,
                                 k.panel,
                                 plan.pixels,
                                 columns,
                                 plan.pixels,
                                 false};
        k.multiply(product);
        const int c = g * plan.group_channels;
        scatter(plan, block, columns, c + channels.begin, c + channels.end, bottom_diff);
      }
    }
  });
}

void columns_backward_weights(const ConvolutionKernels& k, const ConvolutionShape& s,
                              const float* bottom, const float* top_diff, float* weight_diff) {
  const Plan plan(s);
  const int used = std::min(threads(), plan.blocks);
  const int outputs = round_up(plan.group_outputs, k.width);
  // The products are the gradient transposed, [depth][outputs], so that the smaller of the two
  // factors is the one to be laid out with its channels innermost.
  const ptrdiff_t output_stride = row_stride(outputs);
  const ptrdiff_t sums_size = plan.depth * output_stride;
  const ptrdiff_t own_size =
      plan.depth * plan.pixels + plan.pixels * output_stride + s.group * sums_size;
  float* const own = Workspace::of_this_thread().reserve(used * own_size);
  float* const all_sums = own + plan.depth * plan.pixels + plan.pixels * output_stride;

  const int parts = in_parallel(used, [&](int thread, int threads) {
    float* const columns = own + thread * own_size;
    float* const diffs = columns + plan.depth * plan.pixels;
    float* const sums = diffs + plan.pixels * output_stride;
    const Share blocks(plan.blocks, thread, threads);
    for (int index = blocks.begin; index < blocks.end; ++index) {
      const Block block(plan, index);
      const int rows = block.y_end - block.y;
      for (int g = 0; g < s.group; ++g) {
        const int first_output = g * plan.group_outputs;
        gather(plan, block, bottom, g * plan.group_channels, columns);
        for (int n = block.n; n < block.n_end; ++n) {
          for (int o = 0; o < plan.group_outputs; o += k.width) {
            const Window window = {std::min(k.width, plan.group_outputs - o),
                                   s.out_size(),
                                   s.out_height,
                                   s.out_width,
                                   block.y,
                                   0,
                                   rows,
                                   s.out_width};
            k.stage(window,
                    top_diff + (static_cast<ptrdiff_t>(n) * s.outputs + first_output + o) *
                                   s.out_size(),
                    diffs + (n - block.n) * rows * s.out_width * output_stride + o, output_stride);
          }
        }
        const Product product = {plan.depth,
                                 outputs,
                                 block.rows() * s.out_width,
                                 columns,
                                 plan.pixels,
                                 1,
                                 diffs,
                                 k.panel,
                                 output_stride,
                                 sums + g * sums_size,
                                 output_stride,
                                 index > blocks.begin};
        k.multiply(product);
      }
    }
  });
  in_parallel(threads(), [&](int thread, int threads) {
    const Share share(s.outputs, thread, threads);
    for (int output = share.begin; output < share.end; ++output) {
      const float* const sums = all_sums + output / plan.group_outputs * sums_size +
                                output % plan.group_outputs;
      float* const diff = weight_diff + static_cast<ptrdiff_t>(output) * plan.depth;
      for (int part = 0; part < parts; ++part) {
        for (int i = 0; i < plan.depth; ++i) {
          diff[i] += sums[part * own_size + i * output_stride];
        }
      }
    }
  });
}

}  // namespace cpu_engine
}  // namespace caffe
