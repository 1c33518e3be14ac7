#ifndef CAFFE_CPU_ENGINE_BATCH_NORM_HPP_
#define CAFFE_CPU_ENGINE_BATCH_NORM_HPP_

#include <cstddef>
#include <functional>

#include "caffe/cpu_engine/dispatch.hpp"

namespace caffe {
namespace cpu_engine {

// Maps values[(image * channels + channel) * size + i].
struct Maps {
  int images, channels;
  ptrdiff_t size;
};

// What follows a normalization to z: y = act(gamma z + beta), act(v) being v above 0 and slope v
// elsewhere. gamma and beta hold a value for each channel; NULL means 1 and 0.
struct Affine {
  const float* gamma;
  const float* beta;
  float slope;
  Affine() : gamma(NULL), beta(NULL), slope(1) {}
};

// Where several processes have an equal share of each batch: how many they are, and what puts the
// mean over them in place of `values`, with all of them calling it. Statistics, and the gradients
// through them, are then those of the whole batch; dgamma and dbeta are this process's.
struct SharedBatch {
  int processes;
  std::function<void(double* values, int count)> average;
  SharedBatch() : processes(1) {}
};
SharedBatch& shared_batch();

// All of these run channel by channel, each on one thread, so that the bits do not depend on the
// number of threads, and a channel that a core has just summed up is still in its cache when it
// writes it. z may be NULL where nobody asks for it; y may be x, and dx dy.

// z = (x - mean) / sqrt(variance + eps) with the mean and the variance of each channel (divisor:
// the number of values), which it stores.
void normalize_batch(const Kernels& kernels, const Maps& maps, const Affine& affine, float eps,
                     const float* x, float* mean, float* variance, float* z, float* y);

// The same with the means and variances given; both NULL: z = x.
void normalize(const Kernels& kernels, const Maps& maps, const Affine& affine, float eps,
               const float* mean, const float* variance, const float* x, float* z, float* y);

// The gradients, from dy at y. `deviation` holds sqrt(variance + eps) of each channel (NULL: 1),
// and of_batch says whether mean and variance were those of x. Adds to dgamma and dbeta, writes dx;
// each may be NULL. z is read for dgamma or dbeta, where of_batch, and where slope is not 1.
struct BatchNormGradients {
  float* dgamma;
  float* dbeta;
  float* dx;
};
void normalize_backward(const Kernels& kernels, const Maps& maps, const Affine& affine,
                        const float* deviation, bool of_batch, const float* z, const float* dy,
                        const BatchNormGradients& gradients);

}  // namespace cpu_engine
}  // namespace caffe

#endif  // CAFFE_CPU_ENGINE_BATCH_NORM_HPP_
