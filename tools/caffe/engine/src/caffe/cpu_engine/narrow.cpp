// 3x3 convolution to a few maps of the input's size, such as a picture's channels.
//
// Winograd's algorithm would take many inputs to their points for few products. So outputs are
// summed straight from rows of the input, whose vectors serve all maps at once.
#include <algorithm>

#include "caffe/cpu_engine/convolution.hpp"
#include "caffe/cpu_engine/convolution_kernels.hpp"
#include "caffe/cpu_engine/parallel.hpp"

namespace caffe {
namespace cpu_engine {

// Channels are taken a few at a time, so that a row stays in the first-level cache until all three
// rows of outputs have seen it; and memory is read fastest from a few places in ascending order.
static const int kBlockChannels = 4;

void narrow_forward(const ConvolutionKernels& k, const ConvolutionShape& s, const float* bottom,
                    const float* weight, const float* bias, float* top) {
  const int by_rows = std::min(s.height, (threads() + s.num - 1) / s.num);  // shares of an image
  share_out(threads(), s.num * by_rows, [&](int, int index) {
    const int n = index / by_rows;
    const Share rows(s.height, index % by_rows, by_rows);
    const float* const image = bottom + static_cast<ptrdiff_t>(n) * s.channels * s.image_size();
    float* const out = top + static_cast<ptrdiff_t>(n) * s.outputs * s.out_size();
    for (int o = 0; o < s.outputs; ++o) {
      float* const map = out + static_cast<ptrdiff_t>(o) * s.out_size();
      std::fill(map + rows.begin * s.width, map + rows.end * s.width, bias ? bias[o] : 0);
    }
    for (int c = 0; c < s.channels; c += kBlockChannels) {
      const NarrowRows q = {std::min(kBlockChannels, s.channels - c),
                            s.height,
                            s.width,
                            rows.begin,
                            rows.end,
                            image + static_cast<ptrdiff_t>(c) * s.image_size()};
      k.add_narrow[s.outputs - 1](q, weight + c * s.taps(), s.channels * s.taps(), out);
    }
  });
}

}  // namespace cpu_engine
}  // namespace caffe
