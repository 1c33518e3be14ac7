#ifndef CAFFE_GPU_ENGINE_ARRAYS_HPP_
#define CAFFE_GPU_ENGINE_ARRAYS_HPP_

#include <vector>

// What a solver does to all of a net's parameters, in one kernel: a net has dozens, most of them so
// small that a kernel of their own takes longer to start than to run. All pointers are to the GPU's
// memory.

namespace caffe {
namespace gpu_engine {

// A parameter's gradient g, its moments m and v, and its learning rate, corrected.
template <typename Dtype>
struct AdamStep {
  int count;
  Dtype *g, *m, *v;
  Dtype rate;
};

// m = beta1 m + (1 - beta1) g, v = beta2 v + (1 - beta2) g^2, g = rate m / (sqrt(v) + eps).
template <typename Dtype>
void adam_updates(const std::vector<AdamStep<Dtype> >& steps, Dtype beta1, Dtype beta2, Dtype eps);

// A parameter and its gradient, or update.
template <typename Dtype>
struct Parameter {
  int count;
  Dtype *data, *diff;
};

// data -= diff.
template <typename Dtype>
void subtract_updates(const std::vector<Parameter<Dtype> >& parameters);

// diff = 0.
template <typename Dtype>
void clear_diffs(const std::vector<Parameter<Dtype> >& parameters);

}  // namespace gpu_engine
}  // namespace caffe

#endif  // CAFFE_GPU_ENGINE_ARRAYS_HPP_
