#include "caffe/cpu_engine/layer_run.hpp"

#include <algorithm>
#include <vector>

#include "caffe/cpu_engine/batch_norm.hpp"
#include "caffe/cpu_engine/dispatch.hpp"
#include "caffe/gpu_engine/normalization.hpp"
#include "caffe/layers/batch_norm_layer.hpp"
#include "caffe/layers/relu_layer.hpp"
#include "caffe/layers/scale_layer.hpp"
#include "caffe/net.hpp"

namespace caffe {
namespace cpu_engine {

// BatchNorm, Scale and ReLU (or no ReLU). Of the maps in between, the normalized ones alone are
// kept, in BatchNorm's x_norm_, and only where a backward pass can follow.
class NormalizationRun : public LayerRun {
 public:
  // The run that begins with layer `first`; empty where there is none.
  static shared_ptr<LayerRun> find(const Net<float>& net, int first);

  virtual bool can_go_forward() const { return Caffe::mode() == Caffe::GPU || kernels() != NULL; }
  virtual void Forward();
  virtual bool can_go_backward() const;
  virtual void Backward();

 private:
  NormalizationRun(const Net<float>& net, int first, BatchNormLayer<float>* batch_norm,
                   ScaleLayer<float>* scale, ReLULayer<float>* relu);
  void forward_cpu();
  void backward_cpu();
  void forward_gpu();
  void backward_gpu();
  Blob<float>& bottom() const { return *net_.bottom_vecs()[first()][0]; }
  Blob<float>& top() const { return *net_.top_vecs()[first()][0]; }

  const Net<float>& net_;
  BatchNormLayer<float>* const batch_norm_;
  ScaleLayer<float>* const scale_;
  const float slope_;  // of the ReLU; 1 without one
  bool backward_follows_, all_backward_;
  Caffe::Brew mode_;  // of the last Forward()
  // Scales and then biases as they were in it: the signs that ReLU saw follow from them.
  Blob<float> affine_;
};

// Whether the layer computes in place on `blob`, alone, and is no loss.
static bool stays_in(const Net<float>& net, int layer, const Blob<float>* blob) {
  return net.bottom_vecs()[layer].size() == 1 && net.bottom_vecs()[layer][0] == blob &&
         net.top_vecs()[layer].size() == 1 && net.top_vecs()[layer][0] == blob &&
         net.layers()[layer]->loss(0) == 0;
}

template <typename LayerType>
static LayerType* layer_at(const Net<float>& net, int layer) {
  return layer < net.layers().size() ? dynamic_cast<LayerType*>(net.layers()[layer].get()) : NULL;
}

shared_ptr<LayerRun> NormalizationRun::find(const Net<float>& net, int first) {
  BatchNormLayer<float>* const batch_norm = layer_at<BatchNormLayer<float> >(net, first);
  ScaleLayer<float>* const scale = layer_at<ScaleLayer<float> >(net, first + 1);
  if (batch_norm == NULL || scale == NULL || batch_norm->loss(0) != 0) {
    return shared_ptr<LayerRun>();
  }
  const Blob<float>* const blob = net.top_vecs()[first][0];
  if (!stays_in(net, first + 1, blob) || !scale->is_of_channels(net.bottom_vecs()[first + 1])) {
    return shared_ptr<LayerRun>();
  }
  ReLULayer<float>* relu = layer_at<ReLULayer<float> >(net, first + 2);
  // Below 0 a slope under 0 gives outputs above it: Caffe's own backward pass takes the sign of
  // what it overwrote its input with.
  if (relu != NULL && (!stays_in(net, first + 2, blob) || !relu->engine_asked_for() ||
                       relu->layer_param().relu_param().negative_slope() < 0)) {
    relu = NULL;
  }
  return shared_ptr<LayerRun>(new NormalizationRun(net, first, batch_norm, scale, relu));
}

NormalizationRun::NormalizationRun(const Net<float>& net, int first,
                                   BatchNormLayer<float>* batch_norm, ScaleLayer<float>* scale,
                                   ReLULayer<float>* relu)
    : LayerRun(first, relu == NULL ? first + 1 : first + 2),
      net_(net),
      batch_norm_(batch_norm),
      scale_(scale),
      slope_(relu == NULL ? 1 : relu->layer_param().relu_param().negative_slope()),
      backward_follows_(false),
      all_backward_(true),
      mode_(Caffe::CPU),
      affine_(vector<int>(1, 2 * scale->blobs()[0]->count())) {
  for (int layer = first; layer <= last(); ++layer) {
    const bool backward = net.layer_need_backward()[layer];
    backward_follows_ |= backward;
    // BatchNorm's own code writes its bottom's gradient whether it is asked for or not.
    all_backward_ &= backward && (layer == first || net.bottom_need_backward()[layer][0]);
  }
}

void NormalizationRun::Forward() {
  const vector<Blob<float>*>& tops = net_.top_vecs()[first()];
  batch_norm_->Reshape(net_.bottom_vecs()[first()], tops);
  for (int layer = first() + 1; layer <= last(); ++layer) {
    net_.layers()[layer]->Reshape(tops, tops);
  }
  mode_ = Caffe::mode();
  if (mode_ == Caffe::CPU) {
    forward_cpu();
  } else {
    forward_gpu();
  }
  scale_->engine_input_ = &batch_norm_->x_norm_;
}

bool NormalizationRun::can_go_backward() const {
  return all_backward_ && mode_ == Caffe::mode() &&
         scale_->engine_input_ == &batch_norm_->x_norm_;
}

void NormalizationRun::Backward() {
  if (mode_ == Caffe::CPU) {
    backward_cpu();
  } else {
    backward_gpu();
  }
}

void NormalizationRun::forward_cpu() {
  Affine affine = scale_->engine_affine();
  affine.slope = slope_;
  if (backward_follows_) {
    const int channels = scale_->blobs()[0]->count();
    float* const kept = affine_.mutable_cpu_data();
    std::copy_n(affine.gamma, channels, kept);
    if (affine.beta == NULL) {
      std::fill_n(kept + channels, channels, 0);
    } else {
      std::copy_n(affine.beta, channels, kept + channels);
    }
  }
  batch_norm_->engine_forward_through(affine, backward_follows_, bottom(), &top());
}

void NormalizationRun::backward_cpu() {
  const int channels = affine_.count() / 2;
  Affine affine;
  affine.gamma = affine_.cpu_data();
  affine.beta = affine_.cpu_data() + channels;
  affine.slope = slope_;
  Blob<float>& below = bottom();
  const Maps maps = {below.shape(0), channels, below.count() / (below.shape(0) * channels)};
  normalize_backward(*kernels(), maps, affine, batch_norm_->variance_.cpu_data(),
                     !batch_norm_->use_global_stats_, batch_norm_->x_norm_.cpu_data(),
                     top().cpu_diff(), scale_->engine_gradients(below.mutable_cpu_diff()));
}

#ifdef CPU_ONLY
void NormalizationRun::forward_gpu() { NO_GPU; }
void NormalizationRun::backward_gpu() { NO_GPU; }
#else
void NormalizationRun::forward_gpu() {
  gpu_engine::Affine<float> affine = scale_->gpu_affine();
  affine.slope = slope_;
  batch_norm_->gpu_forward_through(affine, backward_follows_, bottom(),
                                   backward_follows_ ? affine_.mutable_gpu_data() : NULL, &top());
}

void NormalizationRun::backward_gpu() {
  const int channels = affine_.count() / 2;
  const gpu_engine::Affine<float> affine = {affine_.gpu_data(), affine_.gpu_data() + channels,
                                            slope_};
  Blob<float>& below = bottom();
  const gpu_engine::Maps maps = {below.shape(0), channels,
                                 below.count() / (below.shape(0) * channels)};
  gpu_engine::normalize_backward(maps, affine, batch_norm_->variance_.gpu_data(),
                                 !batch_norm_->use_global_stats_,
                                 batch_norm_->x_norm_.gpu_data(), top().gpu_diff(),
                                 scale_->gpu_gradients(below.mutable_gpu_diff()));
}
#endif

template <>
vector<shared_ptr<LayerRun> > find_layer_runs<double>(const Net<double>& net) {
  return vector<shared_ptr<LayerRun> >();
}

template <>
vector<shared_ptr<LayerRun> > find_layer_runs<float>(const Net<float>& net) {
  vector<shared_ptr<LayerRun> > runs;
  for (int first = 0; first < net.layers().size(); ++first) {
    const shared_ptr<LayerRun> run = NormalizationRun::find(net, first);
    if (run) {
      runs.push_back(run);
    }
  }
  return runs;
}

}  // namespace cpu_engine
}  // namespace caffe
