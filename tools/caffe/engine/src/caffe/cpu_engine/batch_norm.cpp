#include "caffe/cpu_engine/batch_norm.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "caffe/cpu_engine/element_kernels.hpp"
#include "caffe/cpu_engine/elements.hpp"

namespace caffe {
namespace cpu_engine {

// What is larger will have left the caches before a backward pass asks for it.
static const ptrdiff_t kCachedValues = 1 << 20;

// Runs work(channel) for all channels.
template <typename Work>
static void for_each_channel(const Maps& maps, const Work& work) {
  const ptrdiff_t values = maps.images * maps.channels * maps.size;
  share_out(useful_threads(values, maps.channels), maps.channels,
            [&](int, int channel) { work(channel); });
}

// Runs work(offset) for each map of one channel.
template <typename Work>
static void for_each_map(const Maps& maps, int channel, const Work& work) {
  for (int image = 0; image < maps.images; ++image) {
    work((static_cast<ptrdiff_t>(image) * maps.channels + channel) * maps.size);
  }
}

static Channel make_channel(const Affine& affine, int channel) {
  Channel made;
  if (affine.gamma != NULL) {
    made.gamma = affine.gamma[channel];
  }
  if (affine.beta != NULL) {
    made.beta = affine.beta[channel];
  }
  made.slope = affine.slope;
  return made;
}

// The mean is split in two floats: where it is large against the deviation, the rest counts.
static void set_statistics(double mean, double variance, float eps, Channel* channel) {
  const double scale = 1 / std::sqrt(variance + eps);
  channel->mean = mean;
  channel->scale = scale;
  channel->offset = (channel->mean - mean) * scale;
}

SharedBatch& shared_batch() {
  static SharedBatch& shared = *new SharedBatch;  // Python, which `average` is of, ends before us
  return shared;
}

static void forward_channel(const ElementKernels& k, const Maps& maps, int index,
                            const Channel& channel, const float* x, float* z, float* y) {
  const bool later = maps.images * maps.channels * maps.size > kCachedValues;
  for_each_map(maps, index, [&](ptrdiff_t map) {
    k.forward(channel, maps.size, x + map, z == NULL ? NULL : z + map, y + map, later);
  });
}

void normalize_batch(const Kernels& kernels, const Maps& maps, const Affine& affine, float eps,
                     const float* x, float* mean, float* variance, float* z, float* y) {
  const ElementKernels& k = *kernels.element;
  const auto measure = [&](int index) {
    Moments moments;
    for_each_map(maps, index, [&](ptrdiff_t map) { k.add_moments(maps.size, x + map, &moments); });
    return moments;
  };
  const auto write = [&](int index, double its_mean, double its_variance) {
    const double spread = std::max(0., its_variance);
    mean[index] = its_mean;
    variance[index] = spread;
    Channel channel = make_channel(affine, index);
    set_statistics(its_mean, spread, eps, &channel);
    forward_channel(k, maps, index, channel, x, z, y);
  };
  if (shared_batch().processes == 1) {
    for_each_channel(maps, [&](int index) {
      const Moments moments = measure(index);
      write(index, moments.mean, moments.squares / moments.count);
    });
    return;
  }
  std::vector<double> means(2 * maps.channels);  // of each channel's values, and of their squares
  for_each_channel(maps, [&](int index) {
    const Moments moments = measure(index);
    means[2 * index] = moments.mean;
    means[2 * index + 1] = moments.squares / moments.count + moments.mean * moments.mean;
  });
  shared_batch().average(means.data(), means.size());
  for_each_channel(maps, [&](int index) {
    const double its_mean = means[2 * index];
    write(index, its_mean, means[2 * index + 1] - its_mean * its_mean);
  });
}

void normalize(const Kernels& kernels, const Maps& maps, const Affine& affine, float eps,
               const float* mean, const float* variance, const float* x, float* z, float* y) {
  for_each_channel(maps, [&](int index) {
    Channel channel = make_channel(affine, index);
    if (mean != NULL) {
      set_statistics(mean[index], variance[index], eps, &channel);
    }
    forward_channel(*kernels.element, maps, index, channel, x, z, y);
  });
}

void normalize_backward(const Kernels& kernels, const Maps& maps, const Affine& affine,
                        const float* deviation, bool of_batch, const float* z, const float* dy,
                        const BatchNormGradients& gradients) {
  const ElementKernels& k = *kernels.element;
  const auto sum_up = [&](int index) {
    const Channel channel = make_channel(affine, index);
    GradientSums sums;
    if (of_batch || gradients.dgamma != NULL || gradients.dbeta != NULL) {
      for_each_map(maps, index, [&](ptrdiff_t map) {
        k.add_gradient_sums(channel, maps.size, z + map, dy + map, &sums);
      });
    }
    if (gradients.dgamma != NULL) {
      gradients.dgamma[index] += sums.with_z;
    }
    if (gradients.dbeta != NULL) {
      gradients.dbeta[index] += sums.plain;
    }
    return sums;
  };
  const auto write = [&](int index, const GradientSums& sums) {
    if (gradients.dx == NULL) {
      return;
    }
    // With statistics of the batch, a shift of x and a stretch about its mean change nothing:
    // those parts of the gradient vanish.
    const Channel channel = make_channel(affine, index);
    const double scale = channel.gamma / (deviation == NULL ? 1. : deviation[index]);
    const double per_value = of_batch ? -scale / (maps.images * maps.size) : 0;
    GradientTerms terms;
    terms.of_g = scale;
    terms.of_z = per_value * sums.with_z;
    terms.constant = per_value * sums.plain;
    for_each_map(maps, index, [&](ptrdiff_t map) {
      k.backward(channel, terms, maps.size, z == NULL ? NULL : z + map, dy + map,
                 gradients.dx + map);
    });
  };
  if (!of_batch || shared_batch().processes == 1) {
    for_each_channel(maps, [&](int index) { write(index, sum_up(index)); });
    return;
  }
  std::vector<double> means(2 * maps.channels);  // over the processes, of each channel's sums
  for_each_channel(maps, [&](int index) {
    const GradientSums sums = sum_up(index);
    means[2 * index] = sums.plain;
    means[2 * index + 1] = sums.with_z;
  });
  shared_batch().average(means.data(), means.size());
  for_each_channel(maps, [&](int index) {
    GradientSums sums;
    sums.plain = means[2 * index];
    sums.with_z = means[2 * index + 1];
    write(index, sums);
  });
}

}  // namespace cpu_engine
}  // namespace caffe
