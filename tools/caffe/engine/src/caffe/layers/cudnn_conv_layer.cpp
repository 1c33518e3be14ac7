#ifdef USE_CUDNN
#include <vector>

#include "caffe/layers/cudnn_conv_layer.hpp"

namespace caffe {

template <typename Dtype>
void CuDNNConvolutionLayer<Dtype>::Reshape(
    const vector<Blob<Dtype>*>& bottom, const vector<Blob<Dtype>*>& top) {
  ConvolutionLayer<Dtype>::Reshape(bottom, top);
  CHECK_EQ(2, this->num_spatial_axes_)
      << "CuDNNConvolution input must have 2 spatial axes "
      << "(e.g., height and width). "
      << "Use 'engine: CAFFE' for general ND convolution.";
  const int axis = this->channel_axis_;
  const int* kernel = this->kernel_shape_.cpu_data();
  const int* pad = this->pad_.cpu_data();
  const int* stride = this->stride_.cpu_data();
  const gpu_engine::ConvolutionShape shape = {
      this->num_, this->channels_,
      bottom[0]->shape(axis + 1), bottom[0]->shape(axis + 2),
      this->num_output_, top[0]->shape(axis + 1), top[0]->shape(axis + 2),
      kernel[0], kernel[1], pad[0], pad[1], stride[0], stride[1],
      this->group_};
  convolution_.Reshape(shape);
}

INSTANTIATE_CLASS(CuDNNConvolutionLayer);

}   // namespace caffe
#endif
