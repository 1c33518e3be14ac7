#ifdef USE_CUDNN
#include "caffe/gpu_engine/cudnn_convolution.hpp"

#include <algorithm>
#include <cfloat>
#include <cstdlib>
#include <sstream>
#include <string>

#include "caffe/gpu_engine/narrow_convolution.hpp"
#include "caffe/gpu_engine/scratch.hpp"
#include "caffe/util/cudnn.hpp"

namespace caffe {
namespace gpu_engine {

static const size_t kMiB = 1 << 20;
static const int kMostPieces = 16;

// cuDNN for all of a thread's layers: on the default stream, they follow one another.
static cudnnHandle_t handle() {
  struct Handle {
    cudnnHandle_t handle;
    int device;
    Handle() : handle(NULL), device(-1) {}
  };
  static thread_local Handle of_thread;  // goes with the process
  int device;
  CUDA_CHECK(cudaGetDevice(&device));
  if (of_thread.device != device) {
    CUDNN_CHECK(cudnnCreate(&of_thread.handle));
    of_thread.device = device;
  }
  return of_thread.handle;
}

static bool tf32_allowed() {
  static const bool allowed = std::getenv("CAFFE_TF32") != NULL;
  return allowed;
}

// Bytes that a convolution may work in.
static size_t workspace_limit() {
  const char* const given = std::getenv("CAFFE_WORKSPACE_MIB");
  if (given != NULL) {
    return kMiB * std::max(0, std::atoi(given));
  }
  size_t free_bytes, total_bytes;
  CUDA_CHECK(cudaMemGetInfo(&free_bytes, &total_bytes));
  return total_bytes / 16;
}

// Memory for a trial, or half of it, or a quarter, where the card has no more left.
class TrialMemory {
 public:
  explicit TrialMemory(size_t bytes) : data_(NULL), bytes_(bytes) {
    while (bytes_ > 0 && cudaMalloc(&data_, bytes_) != cudaSuccess) {
      cudaGetLastError();  // which the next call of CUDA would report
      data_ = NULL;
      bytes_ /= 2;
    }
  }
  ~TrialMemory() { cudaFree(data_); }
  void* data() const { return data_; }
  size_t bytes() const { return bytes_; }

 private:
  void* data_;
  size_t bytes_;
};

template <typename Dtype>
CudnnConvolution<Dtype>::CudnnConvolution() : shaped_(false) {
  forward_.name = "forward";
  filter_gradient_.name = "filter gradient";
  data_gradient_.name = "data gradient";
  for (Pass* pass : {&forward_, &filter_gradient_, &data_gradient_}) {
    CUDNN_CHECK(cudnnCreateTensorDescriptor(&pass->x));
    CUDNN_CHECK(cudnnCreateTensorDescriptor(&pass->y));
  }
  for (cudnnTensorDescriptor_t* tensor : {&x_, &y_, &x_bias_, &y_bias_}) {
    CUDNN_CHECK(cudnnCreateTensorDescriptor(tensor));
  }
  CUDNN_CHECK(cudnnCreateFilterDescriptor(&w_));
  CUDNN_CHECK(cudnnCreateConvolutionDescriptor(&convolution_));
}

template <typename Dtype>
CudnnConvolution<Dtype>::~CudnnConvolution() {
  for (Pass* pass : {&forward_, &filter_gradient_, &data_gradient_}) {
    cudnnDestroyTensorDescriptor(pass->x);
    cudnnDestroyTensorDescriptor(pass->y);
  }
  for (cudnnTensorDescriptor_t tensor : {x_, y_, x_bias_, y_bias_}) {
    cudnnDestroyTensorDescriptor(tensor);
  }
  cudnnDestroyFilterDescriptor(w_);
  cudnnDestroyConvolutionDescriptor(convolution_);
}

template <typename Dtype>
static void set_tensor(int images, int channels, int height, int width,
                       cudnnTensorDescriptor_t tensor) {
  CUDNN_CHECK(cudnnSetTensor4dDescriptor(tensor, CUDNN_TENSOR_NCHW, cudnn::dataType<Dtype>::type,
                                         images, channels, height, width));
}

template <typename Dtype>
void CudnnConvolution<Dtype>::Reshape(const ConvolutionShape& shape) {
  if (shaped_ && shape == shape_) {
    return;
  }
  shape_ = shape;
  shaped_ = true;
  const cudnnDataType_t type = cudnn::dataType<Dtype>::type;
  set_tensor<Dtype>(shape.images, shape.channels, shape.height, shape.width, x_);
  set_tensor<Dtype>(shape.images, shape.outputs, shape.out_height, shape.out_width, y_);
  set_tensor<Dtype>(1, shape.channels, 1, 1, x_bias_);
  set_tensor<Dtype>(1, shape.outputs, 1, 1, y_bias_);
  CUDNN_CHECK(cudnnSetFilter4dDescriptor(w_, type, CUDNN_TENSOR_NCHW, shape.outputs,
                                         shape.channels / shape.groups, shape.kernel_h,
                                         shape.kernel_w));
  CUDNN_CHECK(cudnnSetConvolution2dDescriptor(convolution_, shape.pad_h, shape.pad_w,
                                              shape.stride_h, shape.stride_w, 1, 1,
                                              CUDNN_CROSS_CORRELATION, type));
  CUDNN_CHECK(cudnnSetConvolutionGroupCount(convolution_, shape.groups));
  forward_.planned = filter_gradient_.planned = data_gradient_.planned = false;
}

template <typename Dtype>
void CudnnConvolution<Dtype>::set_pieces(int pieces, Pass* pass) {
  const ConvolutionShape& s = shape_;
  pass->images = s.images / pieces;
  set_tensor<Dtype>(pass->images, s.channels, s.height, s.width, pass->x);
  set_tensor<Dtype>(pass->images, s.outputs, s.out_height, s.out_width, pass->y);
}

template <typename Dtype>
std::string CudnnConvolution<Dtype>::key(const Pass& pass) const {
  int device;
  cudaDeviceProp card;
  CUDA_CHECK(cudaGetDevice(&device));
  CUDA_CHECK(cudaGetDeviceProperties(&card, device));
  const ConvolutionShape& s = shape_;
  std::ostringstream line;
  line << card.name << ", cuDNN " << cudnnGetVersion() << ", " << workspace_limit() / kMiB
       << " MiB: " << pass.name << (sizeof(Dtype) == 4 ? " float " : " double ")
       << (tf32_allowed() ? "tf32 " : "") << s.images << 'x' << s.channels << 'x' << s.height << 'x'
       << s.width << " to " << s.outputs << 'x' << s.out_height << 'x' << s.out_width << ", kernel "
       << s.kernel_h << 'x' << s.kernel_w << ", pad " << s.pad_h << 'x' << s.pad_w << ", stride "
       << s.stride_h << 'x' << s.stride_w << ", groups " << s.groups;
  return line.str();
}

// How long run() takes on the GPU, the second time: the first includes the loading of code.
template <typename Run>
static float milliseconds_of(const Run& run) {
  cudaEvent_t begin, end;
  CUDA_CHECK(cudaEventCreate(&begin));
  CUDA_CHECK(cudaEventCreate(&end));
  run();
  CUDA_CHECK(cudaEventRecord(begin, 0));
  run();
  CUDA_CHECK(cudaEventRecord(end, 0));
  CUDA_CHECK(cudaEventSynchronize(end));
  float milliseconds;
  CUDA_CHECK(cudaEventElapsedTime(&milliseconds, begin, end));
  CUDA_CHECK(cudaEventDestroy(begin));
  CUDA_CHECK(cudaEventDestroy(end));
  return milliseconds;
}

// The quickest of cuDNN's that gives the same bits each time and works in `limit` bytes; cuDNN puts
// the quickest first.
template <typename Performance>
static bool quickest(const Performance* found, int count, size_t limit, ConvolutionPlan* plan) {
  for (int i = 0; i < count; ++i) {
    const Performance& one = found[i];
    if (one.status == CUDNN_STATUS_SUCCESS && one.determinism == CUDNN_DETERMINISTIC &&
        one.memory <= limit) {
      const ConvolutionPlan made = {one.algo, one.memory, one.mathType, 1, one.time};
      *plan = made;
      return true;
    }
  }
  return false;
}

// Whether each of cuDNN's that can do it would work in `limit` bytes.
template <typename Algorithm, int kMost, typename SizeOf>
static bool all_work_in(const SizeOf& size_of, size_t limit) {
  for (int algorithm = 0; algorithm < kMost; ++algorithm) {
    size_t bytes = 0;
    if (size_of(static_cast<Algorithm>(algorithm), &bytes) == CUDNN_STATUS_SUCCESS &&
        bytes > limit) {
      return false;
    }
  }
  return true;
}

template <typename Dtype>
template <typename Performance, int kMost, typename TryAll, typename SizeOf, typename TryOwn>
void CudnnConvolution<Dtype>::Plan(Pass* pass, const TryAll& try_all, const SizeOf& size_of,
                                   bool has_own, size_t own_bytes, const TryOwn& try_own) {
  if (pass->planned) {
    return;
  }
  const std::string wanted = key(*pass);
  if (find_plan(wanted, &pass->plan)) {
    set_pieces(pass->plan.pieces, pass);
    pass->planned = true;
    return;
  }
  CUDNN_CHECK(cudnnSetConvolutionMathType(
      convolution_, tf32_allowed() ? CUDNN_DEFAULT_MATH : CUDNN_FMA_MATH));
  const TrialMemory workspace(workspace_limit());
  ConvolutionPlan best = {kOwnAlgorithm, own_bytes, CUDNN_FMA_MATH, 1, FLT_MAX};
  if (has_own && own_bytes <= workspace.bytes()) {
    best.milliseconds = milliseconds_of([&] { try_own(workspace.data()); });
  }
  bool all_fit = false;
  for (int pieces = 1; !all_fit && pieces <= kMostPieces && shape_.images % pieces == 0;
       pieces *= 2) {
    set_pieces(pieces, pass);
    all_fit = all_work_in<decltype(Performance::algo), kMost>(size_of, workspace.bytes());
    Performance found[kMost];
    int count = 0;
    for (int trial = 0; trial < 2; ++trial) {  // the first includes the loading of code
      CUDNN_CHECK(try_all(workspace.data(), workspace.bytes(), &count, found));
    }
    ConvolutionPlan plan;
    if (quickest(found, count, workspace.bytes(), &plan)) {
      plan.pieces = pieces;
      plan.milliseconds *= pieces;
      if (plan.milliseconds < best.milliseconds) {
        best = plan;
      }
    }
  }
  CHECK_LT(best.milliseconds, FLT_MAX)
      << "cuDNN has no algorithm for this convolution that gives the same bits each time and works "
      << "in " << workspace.bytes() / kMiB << " MiB; use 'engine: CAFFE'. " << wanted;
  pass->plan = best;
  pass->planned = true;
  set_pieces(best.pieces, pass);
  keep_plan(wanted, best);
}

template <typename Dtype>
void* CudnnConvolution<Dtype>::Ready(const Pass& pass) {
  CUDNN_CHECK(cudnnSetConvolutionMathType(convolution_,
                                          static_cast<cudnnMathType_t>(pass.plan.math)));
  return gpu_scratch(pass.plan.bytes);
}

template <typename Dtype>
template <typename Run>
void CudnnConvolution<Dtype>::InPieces(const Pass& pass, const Run& run) {
  for (ptrdiff_t image = 0; image < shape_.images; image += pass.images) {
    run(image * shape_.x_size(), image * shape_.y_size());
  }
}

// narrow_convolution.hpp computes floats; has_own() knows.
static void narrow_forward(const ConvolutionShape&, const double*, const double*, double*) {}
static void narrow_data_gradient(const ConvolutionShape&, const double*, const double*, double*) {}
static void narrow_filter_gradient(const ConvolutionShape&, const double*, const double*, void*,
                                   double*) {}

template <typename Dtype>
void CudnnConvolution<Dtype>::Forward(const Dtype* x, const Dtype* w, Dtype* y) {
  const Pass& pass = forward_;
  Plan<cudnnConvolutionFwdAlgoPerf_t, CUDNN_CONVOLUTION_FWD_ALGO_COUNT>(
      &forward_,
      [&](void* workspace, size_t bytes, int* count, auto* found) {
        return cudnnFindConvolutionForwardAlgorithmEx(
            handle(), pass.x, x, w_, w, convolution_, pass.y, y, CUDNN_CONVOLUTION_FWD_ALGO_COUNT,
            count, found, workspace, bytes);
      },
      [&](cudnnConvolutionFwdAlgo_t algorithm, size_t* bytes) {
        return cudnnGetConvolutionForwardWorkspaceSize(handle(), pass.x, w_, convolution_, pass.y,
                                                       algorithm, bytes);
      },
      has_own(has_narrow_forward), 0, [&](void*) { narrow_forward(shape_, x, w, y); });
  void* const workspace = Ready(pass);
  if (pass.plan.algorithm == kOwnAlgorithm) {
    narrow_forward(shape_, x, w, y);
    return;
  }
  InPieces(pass, [&](ptrdiff_t of_x, ptrdiff_t of_y) {
    CUDNN_CHECK(cudnnConvolutionForward(
        handle(), cudnn::dataType<Dtype>::one, pass.x, x + of_x, w_, w, convolution_,
        static_cast<cudnnConvolutionFwdAlgo_t>(pass.plan.algorithm), workspace, pass.plan.bytes,
        cudnn::dataType<Dtype>::zero, pass.y, y + of_y));
  });
}

template <typename Dtype>
void CudnnConvolution<Dtype>::AddFilterGradient(const Dtype* x, const Dtype* dy, Dtype* dw) {
  const Pass& pass = filter_gradient_;
  const size_t own_bytes = narrow_filter_gradient_bytes(shape_);
  const size_t filter_bytes = sizeof(Dtype) * shape_.weights();
  Plan<cudnnConvolutionBwdFilterAlgoPerf_t, CUDNN_CONVOLUTION_BWD_FILTER_ALGO_COUNT>(
      &filter_gradient_,
      [&](void* workspace, size_t bytes, int* count, auto* found) {
        const TrialMemory out(filter_bytes);  // for dw is added to
        return cudnnFindConvolutionBackwardFilterAlgorithmEx(
            handle(), pass.x, x, pass.y, dy, convolution_, w_, out.data(),
            CUDNN_CONVOLUTION_BWD_FILTER_ALGO_COUNT, count, found, workspace, bytes);
      },
      [&](cudnnConvolutionBwdFilterAlgo_t algorithm, size_t* bytes) {
        return cudnnGetConvolutionBackwardFilterWorkspaceSize(handle(), pass.x, pass.y,
                                                              convolution_, w_, algorithm, bytes);
      },
      has_own(has_narrow_filter_gradient), own_bytes + filter_bytes,
      [&](void* workspace) {
        void* const out = static_cast<char*>(workspace) + own_bytes;
        narrow_filter_gradient(shape_, x, dy, workspace, static_cast<Dtype*>(out));
      });
  void* const workspace = Ready(pass);
  if (pass.plan.algorithm == kOwnAlgorithm) {
    narrow_filter_gradient(shape_, x, dy, workspace, dw);
    return;
  }
  InPieces(pass, [&](ptrdiff_t of_x, ptrdiff_t of_y) {
    CUDNN_CHECK(cudnnConvolutionBackwardFilter(
        handle(), cudnn::dataType<Dtype>::one, pass.x, x + of_x, pass.y, dy + of_y, convolution_,
        static_cast<cudnnConvolutionBwdFilterAlgo_t>(pass.plan.algorithm), workspace,
        pass.plan.bytes, cudnn::dataType<Dtype>::one, w_, dw));
  });
}

template <typename Dtype>
void CudnnConvolution<Dtype>::DataGradient(const Dtype* w, const Dtype* dy, Dtype* dx) {
  const Pass& pass = data_gradient_;
  Plan<cudnnConvolutionBwdDataAlgoPerf_t, CUDNN_CONVOLUTION_BWD_DATA_ALGO_COUNT>(
      &data_gradient_,
      [&](void* workspace, size_t bytes, int* count, auto* found) {
        return cudnnFindConvolutionBackwardDataAlgorithmEx(
            handle(), w_, w, pass.y, dy, convolution_, pass.x, dx,
            CUDNN_CONVOLUTION_BWD_DATA_ALGO_COUNT, count, found, workspace, bytes);
      },
      [&](cudnnConvolutionBwdDataAlgo_t algorithm, size_t* bytes) {
        return cudnnGetConvolutionBackwardDataWorkspaceSize(handle(), w_, pass.y, convolution_,
                                                            pass.x, algorithm, bytes);
      },
      has_own(has_narrow_forward), 0, [&](void*) { narrow_data_gradient(shape_, w, dy, dx); });
  void* const workspace = Ready(pass);
  if (pass.plan.algorithm == kOwnAlgorithm) {
    narrow_data_gradient(shape_, w, dy, dx);
    return;
  }
  InPieces(pass, [&](ptrdiff_t of_x, ptrdiff_t of_y) {
    CUDNN_CHECK(cudnnConvolutionBackwardData(
        handle(), cudnn::dataType<Dtype>::one, w_, w, pass.y, dy + of_y, convolution_,
        static_cast<cudnnConvolutionBwdDataAlgo_t>(pass.plan.algorithm), workspace,
        pass.plan.bytes, cudnn::dataType<Dtype>::zero, pass.x, dx + of_x));
  });
}

// A bias has a value for each of the maps' channels.
template <typename Dtype>
static void add_bias(cudnnTensorDescriptor_t bias_of, const Dtype* bias,
                     cudnnTensorDescriptor_t maps_of, Dtype* maps) {
  CUDNN_CHECK(cudnnAddTensor(handle(), cudnn::dataType<Dtype>::one, bias_of, bias,
                             cudnn::dataType<Dtype>::one, maps_of, maps));
}

template <typename Dtype>
static void add_bias_gradient(cudnnTensorDescriptor_t maps_of, const Dtype* maps,
                              cudnnTensorDescriptor_t bias_of, Dtype* dbias) {
  CUDNN_CHECK(cudnnConvolutionBackwardBias(handle(), cudnn::dataType<Dtype>::one, maps_of, maps,
                                           cudnn::dataType<Dtype>::one, bias_of, dbias));
}

template <typename Dtype>
void CudnnConvolution<Dtype>::AddBias(const Dtype* bias, Dtype* y) {
  add_bias(y_bias_, bias, y_, y);
}

template <typename Dtype>
void CudnnConvolution<Dtype>::AddBiasGradient(const Dtype* dy, Dtype* dbias) {
  add_bias_gradient(y_, dy, y_bias_, dbias);
}

template <typename Dtype>
void CudnnConvolution<Dtype>::AddInputBias(const Dtype* bias, Dtype* x) {
  add_bias(x_bias_, bias, x_, x);
}

template <typename Dtype>
void CudnnConvolution<Dtype>::AddInputBiasGradient(const Dtype* dx, Dtype* dbias) {
  add_bias_gradient(x_, dx, x_bias_, dbias);
}

template class CudnnConvolution<float>;
template class CudnnConvolution<double>;

}  // namespace gpu_engine
}  // namespace caffe
#endif  // USE_CUDNN
