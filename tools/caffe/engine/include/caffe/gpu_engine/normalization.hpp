#ifndef CAFFE_GPU_ENGINE_NORMALIZATION_HPP_
#define CAFFE_GPU_ENGINE_NORMALIZATION_HPP_

// BatchNorm, Scale and ReLU on the GPU, each alone or in a row. What is summed is summed in the same
// order each time, without atomics, so that the same input gives the same bits. All pointers are to
// the GPU's memory.

namespace caffe {
namespace gpu_engine {

// Images of `channels` maps of `size` values each: axes 0, 1, and the rest of a blob.
struct Maps {
  int images, channels, size;
};

// What follows a normalization to z: y = act(gamma z + beta), act(v) being v above 0 and slope v
// elsewhere. gamma and beta hold a value for each channel; NULL means 1 and 0.
template <typename Dtype>
struct Affine {
  const Dtype* gamma;
  const Dtype* beta;
  Dtype slope;
};

// A value for each channel. `mean` and `deviation` are what x is normalized by, the latter being
// sqrt(variance + eps); `average_mean` and `average_variance` move from batch to batch: they become
// fraction * average + value.
template <typename Dtype>
struct Statistics {
  Dtype* mean;
  Dtype* deviation;
  Dtype* average_mean;
  Dtype* average_variance;
  Dtype fraction, eps;
};

// In all of these y may be x, and z be NULL where nobody asks for it. `kept` is where gammas and
// then betas are copied to, for a backward pass after which they may have changed; or NULL.

// With x's own mean and variance of each channel, from which the averages move on.
template <typename Dtype>
void normalize_batch(const Maps& maps, const Affine<Dtype>& affine,
                     const Statistics<Dtype>& statistics, const Dtype* x, Dtype* kept, Dtype* z,
                     Dtype* y);

// With factor * averages.
template <typename Dtype>
void normalize_by_averages(const Maps& maps, const Affine<Dtype>& affine,
                           const Statistics<Dtype>& statistics, Dtype factor, const Dtype* x,
                           Dtype* kept, Dtype* z, Dtype* y);

// With z = x: Scale alone.
template <typename Dtype>
void scale(const Maps& maps, const Affine<Dtype>& affine, const Dtype* x, Dtype* z, Dtype* y);

// Where gradients go: those of gamma and beta are added, that of x is written, and may be dy. Each
// may be NULL.
template <typename Dtype>
struct Gradients {
  Dtype* dgamma;
  Dtype* dbeta;
  Dtype* dx;
};

// From dy at y. `deviation` is that of Statistics (NULL: 1), and of_batch says whether it was x's.
// z is read for dgamma or dbeta, where of_batch, and where slope is not 1; else it may be NULL.
template <typename Dtype>
void normalize_backward(const Maps& maps, const Affine<Dtype>& affine, const Dtype* deviation,
                        bool of_batch, const Dtype* z, const Dtype* dy,
                        const Gradients<Dtype>& gradients);

}  // namespace gpu_engine
}  // namespace caffe

#endif  // CAFFE_GPU_ENGINE_NORMALIZATION_HPP_
