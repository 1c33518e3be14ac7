// What Caffe's layers and solvers of single elements and channels do with floats where the engine
// is on. Each function returns false where Caffe's own code is to run.

#include <vector>

#include "caffe/cpu_engine/batch_norm.hpp"
#include "caffe/cpu_engine/dispatch.hpp"
#include "caffe/cpu_engine/element_kernels.hpp"
#include "caffe/cpu_engine/elements.hpp"
#include "caffe/layers/batch_norm_layer.hpp"
#include "caffe/layers/relu_layer.hpp"
#include "caffe/layers/scale_layer.hpp"
#include "caffe/layers/sigmoid_layer.hpp"
#include "caffe/sgd_solvers.hpp"
#include "caffe/util/math_functions.hpp"

namespace caffe {

using cpu_engine::AdamStep;
using cpu_engine::Affine;
using cpu_engine::BatchNormGradients;
using cpu_engine::Channel;
using cpu_engine::ElementKernels;
using cpu_engine::GradientTerms;
using cpu_engine::Maps;
using cpu_engine::kernels;

// ---- BatchNorm -----------------------------------------------------------------------------

static Maps maps_of(const Blob<float>& blob, int channels) {
  const Maps maps = {blob.shape(0), channels, blob.count() / (blob.shape(0) * channels)};
  return maps;
}

template <>
void BatchNormLayer<float>::engine_forward_through(const Affine& affine, bool keep,
                                                 const Blob<float>& bottom, Blob<float>* top) {
  const Maps maps = maps_of(bottom, channels_);
  const float* const x = bottom.cpu_data();
  float* const z = keep ? x_norm_.mutable_cpu_data() : NULL;
  if (use_global_stats_) {
    const float factor = blobs_[2]->cpu_data()[0];
    const float scale = factor == 0 ? 0 : 1 / factor;
    caffe_cpu_scale(channels_, scale, blobs_[0]->cpu_data(), mean_.mutable_cpu_data());
    caffe_cpu_scale(channels_, scale, blobs_[1]->cpu_data(), variance_.mutable_cpu_data());
    cpu_engine::normalize(*kernels(), maps, affine, eps_, mean_.cpu_data(), variance_.cpu_data(),
                          x, z, top->mutable_cpu_data());
  } else {
    cpu_engine::normalize_batch(*kernels(), maps, affine, eps_, x, mean_.mutable_cpu_data(),
                                variance_.mutable_cpu_data(), z, top->mutable_cpu_data());
    const int values = bottom.count() / channels_ * cpu_engine::shared_batch().processes;
    const float unbiased = values > 1 ? static_cast<float>(values) / (values - 1) : 1;
    float& factor = blobs_[2]->mutable_cpu_data()[0];
    factor = factor * moving_average_fraction_ + 1;
    caffe_cpu_axpby(channels_, 1.f, mean_.cpu_data(), moving_average_fraction_,
                    blobs_[0]->mutable_cpu_data());
    caffe_cpu_axpby(channels_, unbiased, variance_.cpu_data(), moving_average_fraction_,
                    blobs_[1]->mutable_cpu_data());
  }
  // From here on it holds the deviations, which the backward pass divides by.
  caffe_add_scalar(channels_, eps_, variance_.mutable_cpu_data());
  caffe_sqrt(channels_, variance_.cpu_data(), variance_.mutable_cpu_data());
}

template <>
bool BatchNormLayer<float>::engine_forward(const vector<Blob<float>*>& bottom,
                                          const vector<Blob<float>*>& top) {
  if (kernels() == NULL) {
    return false;
  }
  // A layer that comes after may overwrite top, so the backward pass has a copy of its own; with
  // statistics that do not depend on bottom it needs none.
  engine_forward_through(Affine(), !use_global_stats_, *bottom[0], top[0]);
  return true;
}

template <>
bool BatchNormLayer<float>::engine_backward(const vector<Blob<float>*>& top,
                                           const vector<Blob<float>*>& bottom) {
  if (kernels() == NULL) {
    return false;
  }
  const BatchNormGradients gradients = {NULL, NULL, bottom[0]->mutable_cpu_diff()};
  cpu_engine::normalize_backward(*kernels(), maps_of(*bottom[0], channels_), Affine(),
                                 variance_.cpu_data(), !use_global_stats_,
                                 use_global_stats_ ? NULL : x_norm_.cpu_data(), top[0]->cpu_diff(),
                                 gradients);
  return true;
}

// ---- Scale ---------------------------------------------------------------------------------

template <>
bool ScaleLayer<float>::engine_applies(const vector<Blob<float>*>& bottom) const {
  return kernels() != NULL && is_of_channels(bottom);
}

template <>
Affine ScaleLayer<float>::engine_affine() const {
  Affine affine;
  affine.gamma = blobs_[0]->cpu_data();
  affine.beta = bias_layer_ ? blobs_[bias_param_id_]->cpu_data() : NULL;
  return affine;
}

// Where the gradients of scale and bias are to be added, and that at the bottom written.
template <>
BatchNormGradients ScaleLayer<float>::engine_gradients(float* bottom_diff) {
  const bool bias_wanted = bias_layer_ && param_propagate_down_[bias_param_id_];
  const BatchNormGradients gradients = {
      param_propagate_down_[0] ? blobs_[0]->mutable_cpu_diff() : NULL,
      bias_wanted ? blobs_[bias_param_id_]->mutable_cpu_diff() : NULL, bottom_diff};
  return gradients;
}

template <>
bool ScaleLayer<float>::engine_forward(const vector<Blob<float>*>& bottom,
                                      const vector<Blob<float>*>& top) {
  if (!engine_applies(bottom)) {
    return false;
  }
  const bool in_place = bottom[0] == top[0];
  cpu_engine::normalize(*kernels(), maps_of(*bottom[0], scale_dim_), engine_affine(), 0, NULL, NULL,
                        bottom[0]->cpu_data(), in_place ? temp_.mutable_cpu_data() : NULL,
                        top[0]->mutable_cpu_data());
  engine_input_ = &temp_;
  return true;
}

template <>
bool ScaleLayer<float>::engine_backward(const vector<Blob<float>*>& top, bool bottom_wanted,
                                       const vector<Blob<float>*>& bottom) {
  const Blob<float>* const input = bottom[0] == top[0] ? engine_input_ : bottom[0];
  if (!engine_applies(bottom) || input == NULL) {
    return false;
  }
  const BatchNormGradients gradients =
      engine_gradients(bottom_wanted ? bottom[0]->mutable_cpu_diff() : NULL);
  cpu_engine::normalize_backward(*kernels(), maps_of(*bottom[0], scale_dim_), engine_affine(), NULL,
                                 false, input->cpu_data(), top[0]->cpu_diff(), gradients);
  return true;
}

// ---- ReLU ----------------------------------------------------------------------------------

template <>
bool ReLULayer<float>::engine_applies() const {
  return kernels() != NULL && engine_asked_for();
}

template <>
bool ReLULayer<float>::engine_forward(const vector<Blob<float>*>& bottom,
                                     const vector<Blob<float>*>& top) {
  if (!engine_applies()) {
    return false;
  }
  const ElementKernels& k = *kernels()->element;
  Channel channel;
  channel.slope = layer_param_.relu_param().negative_slope();
  const float* const x = bottom[0]->cpu_data();
  float* const y = top[0]->mutable_cpu_data();
  cpu_engine::for_values(bottom[0]->count(), [&](ptrdiff_t i, ptrdiff_t n) {
    k.forward(channel, n, x + i, NULL, y + i, false);
  });
  return true;
}

template <>
bool ReLULayer<float>::engine_backward(const vector<Blob<float>*>& top,
                                      const vector<Blob<float>*>& bottom) {
  if (!engine_applies()) {
    return false;
  }
  const ElementKernels& k = *kernels()->element;
  const GradientTerms terms = {1, 0, 0};
  Channel channel;
  channel.slope = layer_param_.relu_param().negative_slope();
  const float* const x = bottom[0]->cpu_data();
  const float* const dy = top[0]->cpu_diff();
  float* const dx = bottom[0]->mutable_cpu_diff();
  cpu_engine::for_values(bottom[0]->count(), [&](ptrdiff_t i, ptrdiff_t n) {
    k.backward(channel, terms, n, x + i, dy + i, dx + i);
  });
  return true;
}

// ---- Sigmoid -------------------------------------------------------------------------------

template <>
bool SigmoidLayer<float>::engine_forward(const vector<Blob<float>*>& bottom,
                                         const vector<Blob<float>*>& top) {
  if (kernels() == NULL ||
      layer_param_.sigmoid_param().engine() == SigmoidParameter_Engine_CAFFE) {
    return false;
  }
  const ElementKernels& k = *kernels()->element;
  const float* const x = bottom[0]->cpu_data();
  float* const y = top[0]->mutable_cpu_data();
  cpu_engine::for_values(bottom[0]->count(),
                         [&](ptrdiff_t i, ptrdiff_t n) { k.sigmoid(n, x + i, y + i); });
  return true;
}

// ---- Adam ----------------------------------------------------------------------------------

template <>
bool AdamSolver<float>::engine_update(int param_id, float rate) {
  if (kernels() == NULL) {
    return false;
  }
  const ElementKernels& k = *kernels()->element;
  const AdamStep step = {param_.momentum(), param_.momentum2(), param_.delta(), rate};
  const vector<Blob<float>*>& parameters = net_->learnable_params();
  float* const g = parameters[param_id]->mutable_cpu_diff();
  float* const m = history_[param_id]->mutable_cpu_data();
  float* const v = history_[param_id + parameters.size()]->mutable_cpu_data();
  cpu_engine::for_values(parameters[param_id]->count(), [&](ptrdiff_t i, ptrdiff_t n) {
    k.adam(step, n, g + i, m + i, v + i);
  });
  return true;
}

}  // namespace caffe
