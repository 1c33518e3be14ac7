#include <vector>

#include "caffe/gpu_engine/normalization.hpp"
#include "caffe/layers/batch_norm_layer.hpp"

namespace caffe {

template <typename Dtype>
static gpu_engine::Maps maps_of(const Blob<Dtype>& blob, int channels) {
  const gpu_engine::Maps maps = {blob.shape(0), channels,
                                 blob.count() / (blob.shape(0) * channels)};
  return maps;
}

template <typename Dtype>
static gpu_engine::Affine<Dtype> nothing_after() {
  const gpu_engine::Affine<Dtype> affine = {NULL, NULL, 1};
  return affine;
}

template <typename Dtype>
void BatchNormLayer<Dtype>::gpu_forward_through(
    const gpu_engine::Affine<Dtype>& affine, bool keep,
    const Blob<Dtype>& bottom, Dtype* kept_affine, Blob<Dtype>* top) {
  const gpu_engine::Maps maps = maps_of(bottom, channels_);
  const gpu_engine::Statistics<Dtype> statistics = {
      mean_.mutable_gpu_data(), variance_.mutable_gpu_data(),
      this->blobs_[0]->mutable_gpu_data(), this->blobs_[1]->mutable_gpu_data(),
      moving_average_fraction_, eps_};
  Dtype* const z = keep ? x_norm_.mutable_gpu_data() : NULL;
  if (use_global_stats_) {
    const Dtype count = this->blobs_[2]->cpu_data()[0];
    gpu_engine::normalize_by_averages(maps, affine, statistics,
        count == 0 ? 0 : 1 / count, bottom.gpu_data(), kept_affine, z,
        top->mutable_gpu_data());
  } else {
    Dtype& count = this->blobs_[2]->mutable_cpu_data()[0];
    count = count * moving_average_fraction_ + 1;
    gpu_engine::normalize_batch(maps, affine, statistics, bottom.gpu_data(),
        kept_affine, z, top->mutable_gpu_data());
  }
}

template <typename Dtype>
void BatchNormLayer<Dtype>::Forward_gpu(const vector<Blob<Dtype>*>& bottom,
    const vector<Blob<Dtype>*>& top) {
  // A layer that comes after may overwrite top, so Backward has a copy of its
  // own; with statistics that do not depend on bottom it needs none.
  gpu_forward_through(nothing_after<Dtype>(), !use_global_stats_, *bottom[0],
      NULL, top[0]);
}

template <typename Dtype>
void BatchNormLayer<Dtype>::Backward_gpu(const vector<Blob<Dtype>*>& top,
    const vector<bool>& propagate_down,
    const vector<Blob<Dtype>*>& bottom) {
  const gpu_engine::Gradients<Dtype> gradients = {
      NULL, NULL, bottom[0]->mutable_gpu_diff()};
  gpu_engine::normalize_backward(maps_of(*bottom[0], channels_),
      nothing_after<Dtype>(), variance_.gpu_data(), !use_global_stats_,
      use_global_stats_ ? NULL : x_norm_.gpu_data(), top[0]->gpu_diff(),
      gradients);
}

template void BatchNormLayer<float>::gpu_forward_through(
    const gpu_engine::Affine<float>&, bool, const Blob<float>&, float*,
    Blob<float>*);
INSTANTIATE_LAYER_GPU_FUNCS(BatchNormLayer);

}  // namespace caffe
