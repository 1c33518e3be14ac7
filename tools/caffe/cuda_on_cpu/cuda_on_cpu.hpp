// As much of CUDA as Caffe's GPU mode calls, done by the CPU: to try that mode where there is no GPU.
//
// The GPU's memory is host memory that is known to be the GPU's: what is to be there and is not ends the process,
// and copies are counted. Kernels are called once and loop over all there is to do: a grid of one block of one thread.
#ifndef CUDA_ON_CPU_HPP_
#define CUDA_ON_CPU_HPP_

#include <cstddef>
#include <cstdlib>

#define __global__
#define __device__
#define __host__
#define __shared__
#define __align__(bytes) alignas(bytes)
#define __launch_bounds__(...)
// Threads that wait for each other work on something together, which one alone cannot.
#define __syncthreads() std::abort()
struct dim3 {
  int x, y, z;
  dim3(int x, int y = 1, int z = 1) : x(x), y(y), z(z) {}
};
static const dim3 threadIdx(0, 0, 0), blockIdx(0, 0, 0), blockDim(1), gridDim(1);

template <typename T> T max(T a, T b) { return a > b ? a : b; }
template <typename T> T min(T a, T b) { return a < b ? a : b; }
template <typename T> T atomicAdd(T* sum, T value) {
  const T before = *sum;
  *sum += value;
  return before;
}

enum cudaError_t { cudaSuccess };
enum cudaMemcpyKind { cudaMemcpyHostToDevice, cudaMemcpyDefault };
enum cudaDeviceAttr {
  cudaDevAttrKernelExecTimeout, cudaDevAttrGpuOverlap, cudaDevAttrClockRate
};
enum { cudaStreamDefault, cudaStreamNonBlocking };
typedef struct Stream* cudaStream_t;
typedef struct Event* cudaEvent_t;
struct cudaDeviceProp {
  char name[256];
  int major, minor, regsPerBlock, warpSize, maxThreadsPerBlock, multiProcessorCount;
  int maxThreadsDim[3], maxGridSize[3];
  size_t totalGlobalMem, sharedMemPerBlock, memPitch, totalConstMem, textureAlignment;
};

cudaError_t cudaMalloc(void** memory, size_t bytes);
cudaError_t cudaFree(void* memory);
cudaError_t cudaMallocHost(void** memory, size_t bytes);
cudaError_t cudaFreeHost(void* memory);
cudaError_t cudaMemcpy(void* to, const void* from, size_t bytes, cudaMemcpyKind);
cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind, cudaStream_t);
cudaError_t cudaMemset(void* memory, int value, size_t bytes);
cudaError_t cudaGetDevice(int* device);
cudaError_t cudaSetDevice(int device);
cudaError_t cudaGetDeviceCount(int* count);
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device);
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr, int device);
cudaError_t cudaGetLastError();
cudaError_t cudaPeekAtLastError();
const char* cudaGetErrorString(cudaError_t);
cudaError_t cudaStreamCreateWithFlags(cudaStream_t*, unsigned flags);
cudaError_t cudaStreamDestroy(cudaStream_t);
cudaError_t cudaStreamSynchronize(cudaStream_t);
cudaError_t cudaEventCreate(cudaEvent_t*);
cudaError_t cudaEventDestroy(cudaEvent_t);
cudaError_t cudaEventRecord(cudaEvent_t, cudaStream_t);
cudaError_t cudaEventSynchronize(cudaEvent_t);
cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t, cudaEvent_t);

enum cublasStatus_t {
  CUBLAS_STATUS_SUCCESS, CUBLAS_STATUS_NOT_INITIALIZED, CUBLAS_STATUS_ALLOC_FAILED,
  CUBLAS_STATUS_INVALID_VALUE, CUBLAS_STATUS_ARCH_MISMATCH, CUBLAS_STATUS_MAPPING_ERROR,
  CUBLAS_STATUS_EXECUTION_FAILED, CUBLAS_STATUS_INTERNAL_ERROR, CUBLAS_STATUS_NOT_SUPPORTED,
  CUBLAS_STATUS_LICENSE_ERROR
};
#define CUDA_VERSION 13000
enum cublasOperation_t { CUBLAS_OP_N, CUBLAS_OP_T };
typedef struct Cublas* cublasHandle_t;

cublasStatus_t cublasCreate(cublasHandle_t*);
cublasStatus_t cublasDestroy(cublasHandle_t);
cublasStatus_t cublasSetStream(cublasHandle_t, cudaStream_t);
cublasStatus_t cublasGetStream(cublasHandle_t, cudaStream_t*);

#define DECLARE_CUBLAS(letter, T) \
  cublasStatus_t cublas##letter##gemm(cublasHandle_t, cublasOperation_t, cublasOperation_t, int m, int n, int k, \
      const T* alpha, const T* a, int lda, const T* b, int ldb, const T* beta, T* c, int ldc); \
  cublasStatus_t cublas##letter##gemv(cublasHandle_t, cublasOperation_t, int m, int n, const T* alpha, \
      const T* a, int lda, const T* x, int incx, const T* beta, T* y, int incy); \
  cublasStatus_t cublas##letter##axpy(cublasHandle_t, int n, const T* alpha, const T* x, int incx, T* y, int incy); \
  cublasStatus_t cublas##letter##scal(cublasHandle_t, int n, const T* alpha, T* x, int incx); \
  cublasStatus_t cublas##letter##copy(cublasHandle_t, int n, const T* x, int incx, T* y, int incy); \
  cublasStatus_t cublas##letter##dot(cublasHandle_t, int n, const T* x, int incx, const T* y, int incy, T* result); \
  cublasStatus_t cublas##letter##asum(cublasHandle_t, int n, const T* x, int incx, T* result);
DECLARE_CUBLAS(S, float)
DECLARE_CUBLAS(D, double)

enum curandStatus_t {
  CURAND_STATUS_SUCCESS, CURAND_STATUS_VERSION_MISMATCH, CURAND_STATUS_NOT_INITIALIZED,
  CURAND_STATUS_ALLOCATION_FAILED, CURAND_STATUS_TYPE_ERROR, CURAND_STATUS_OUT_OF_RANGE,
  CURAND_STATUS_LENGTH_NOT_MULTIPLE, CURAND_STATUS_DOUBLE_PRECISION_REQUIRED,
  CURAND_STATUS_LAUNCH_FAILURE, CURAND_STATUS_PREEXISTING_FAILURE,
  CURAND_STATUS_INITIALIZATION_FAILED, CURAND_STATUS_ARCH_MISMATCH, CURAND_STATUS_INTERNAL_ERROR
};
enum curandRngType_t { CURAND_RNG_PSEUDO_DEFAULT };
typedef struct Curand* curandGenerator_t;

curandStatus_t curandCreateGenerator(curandGenerator_t*, curandRngType_t);
curandStatus_t curandDestroyGenerator(curandGenerator_t);
curandStatus_t curandSetPseudoRandomGeneratorSeed(curandGenerator_t, unsigned long long seed);
curandStatus_t curandSetGeneratorOffset(curandGenerator_t, unsigned long long offset);
curandStatus_t curandGenerate(curandGenerator_t, unsigned* values, size_t n);
curandStatus_t curandGenerateUniform(curandGenerator_t, float* values, size_t n);
curandStatus_t curandGenerateUniformDouble(curandGenerator_t, double* values, size_t n);
curandStatus_t curandGenerateNormal(curandGenerator_t, float* values, size_t n, float mean, float deviation);
curandStatus_t curandGenerateNormalDouble(curandGenerator_t, double* values, size_t n, double mean, double deviation);

#endif  // CUDA_ON_CPU_HPP_
