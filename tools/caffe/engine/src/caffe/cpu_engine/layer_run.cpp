#include "caffe/cpu_engine/layer_run.hpp"

#include <vector>

#include "caffe/cpu_engine/batch_norm.hpp"
#include "caffe/cpu_engine/dispatch.hpp"
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

  virtual void Forward();
  virtual bool can_go_backward() const;
  virtual void Backward();

 private:
  NormalizationRun(const Net<float>& net, int first, BatchNormLayer<float>* batch_norm,
                   ScaleLayer<float>* scale, ReLULayer<float>* relu);

  const Net<float>& net_;
  BatchNormLayer<float>* const batch_norm_;
  ScaleLayer<float>* const scale_;
  const float slope_;  // of the ReLU; 1 without one
  bool backward_follows_, all_backward_;
  // Scale and bias as they were in the last Forward(): the signs that ReLU saw follow from them.
  vector<float> gamma_, beta_;
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
  if (!stays_in(net, first + 1, blob) || !scale->engine_applies(net.bottom_vecs()[first + 1])) {
    return shared_ptr<LayerRun>();
  }
  ReLULayer<float>* relu = layer_at<ReLULayer<float> >(net, first + 2);
  // Below 0 a slope under 0 gives outputs above it: Caffe's own backward pass takes the sign of
  // what it overwrote its input with.
  if (relu != NULL && (!stays_in(net, first + 2, blob) || !relu->engine_applies() ||
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
      all_backward_(true) {
  for (int layer = first; layer <= last(); ++layer) {
    const bool backward = net.layer_need_backward()[layer];
    backward_follows_ |= backward;
    // BatchNorm's own code writes its bottom's gradient whether it is asked for or not.
    all_backward_ &= backward && (layer == first || net.bottom_need_backward()[layer][0]);
  }
}

void NormalizationRun::Forward() {
  const vector<Blob<float>*>& bottom = net_.bottom_vecs()[first()];
  const vector<Blob<float>*>& top = net_.top_vecs()[first()];
  batch_norm_->Reshape(bottom, top);
  for (int layer = first() + 1; layer <= last(); ++layer) {
    net_.layers()[layer]->Reshape(top, top);
  }
  Affine affine = scale_->engine_affine();
  affine.slope = slope_;
  if (backward_follows_) {
    const int channels = scale_->blobs()[0]->count();
    gamma_.assign(affine.gamma, affine.gamma + channels);
    beta_.assign(channels, 0);
    if (affine.beta != NULL) {
      beta_.assign(affine.beta, affine.beta + channels);
    }
  }
  batch_norm_->engine_forward_through(affine, backward_follows_, *bottom[0], top[0]);
  scale_->engine_input_ = &batch_norm_->x_norm_;
}

bool NormalizationRun::can_go_backward() const {
  return all_backward_ && scale_->engine_input_ == &batch_norm_->x_norm_;
}

void NormalizationRun::Backward() {
  Blob<float>& bottom = *net_.bottom_vecs()[first()][0];
  const Blob<float>& top = *net_.top_vecs()[first()][0];
  Affine affine;
  affine.gamma = &gamma_[0];
  affine.beta = &beta_[0];
  affine.slope = slope_;
  const int channels = gamma_.size();
  const Maps maps = {bottom.shape(0), channels, bottom.count() / (bottom.shape(0) * channels)};
  normalize_backward(*kernels(), maps, affine, batch_norm_->variance_.cpu_data(),
                     !batch_norm_->use_global_stats_, batch_norm_->x_norm_.cpu_data(),
                     top.cpu_diff(), scale_->engine_gradients(bottom.mutable_cpu_diff()));
}

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
