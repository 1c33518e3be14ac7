#ifndef CAFFE_CPU_ENGINE_ELEMENT_KERNELS_HPP_
#define CAFFE_CPU_ENGINE_ELEMENT_KERNELS_HPP_

#include <stddef.h>

namespace caffe {
namespace cpu_engine {

// What becomes of the values x of one channel: y = act(gamma z + beta) of z = (x - mean) scale +
// offset, where act(v) is v above 0 and slope v elsewhere. With the defaults y = z = x.
struct Channel {
  float mean, scale, offset;
  float gamma, beta, slope;
  Channel() : mean(0), scale(1), offset(0), gamma(1), beta(0), slope(1) {}
};

// The mean of `count` values, and the sum of the squares of their distances from it.
struct Moments {
  double count, mean, squares;
  Moments() : count(0), mean(0), squares(0) {}
};

// Of the gradient g at gamma z + beta: the sums of g and of g z.
struct GradientSums {
  double plain, with_z;
  GradientSums() : plain(0), with_z(0) {}
};

// A gradient at x, made of those at gamma z + beta: of_g g + of_z z + constant.
struct GradientTerms {
  float of_g, of_z, constant;
};

// One step of Adam, as Caffe counts: m = beta1 m + (1 - beta1) g, v = beta2 v + (1 - beta2) g^2,
// g = rate m / (sqrt(v) + delta).
struct AdamStep {
  float beta1, beta2, delta, rate;
};

// Kernels of layers and solvers that treat each element, or each channel, by itself. Each takes n
// values that lie side by side. Sums are over vectors in a fixed order.
struct ElementKernels {
  // Adds the values to what `moments` describes.
  void (*add_moments)(ptrdiff_t n, const float* x, Moments* moments);
  // Writes z (NULL: not wanted) and y, which may be x; later: z will not be read soon, and need
  // not go through the caches.
  void (*forward)(const Channel& channel, ptrdiff_t n, const float* x, float* z, float* y,
                  bool later);
  // Adds to `sums`, from the gradient dy at y.
  void (*add_gradient_sums)(const Channel& channel, ptrdiff_t n, const float* z, const float* dy,
                            GradientSums* sums);
  // Writes the gradient at x to dx, which may be dy. z is read where slope is not 1 or of_z is not
  // 0, and may else be NULL.
  void (*backward)(const Channel& channel, const GradientTerms& terms, ptrdiff_t n, const float* z,
                   const float* dy, float* dx);
  // y = 1 / (1 + exp(-x)).
  void (*sigmoid)(ptrdiff_t n, const float* x, float* y);
  // The gradient g becomes the update.
  void (*adam)(const AdamStep& step, ptrdiff_t n, float* g, float* m, float* v);
};

}  // namespace cpu_engine
}  // namespace caffe

#endif  // CAFFE_CPU_ENGINE_ELEMENT_KERNELS_HPP_
