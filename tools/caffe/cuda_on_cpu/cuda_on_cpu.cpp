#include "cuda_on_cpu.hpp"

#include <cblas.h>

#include <cstdio>
#include <cstring>
#include <map>
#include <mutex>
#include <random>

// What has happened since cuda_on_cpu_reset: copies, by direction, and the most memory in use.
struct CudaOnCpuCounts {
  size_t bytes_to_gpu, bytes_to_host, copies_to_gpu, copies_to_host, peak_bytes;
};

namespace {

std::mutex mutex;
std::map<const char*, size_t> gpu_memory;  // bytes, by address
size_t bytes_in_use;
CudaOnCpuCounts counts;
std::mt19937_64 random_numbers;

bool is_on_gpu(const void* memory) {
  const std::lock_guard<std::mutex> guard(mutex);
  const char* const address = static_cast<const char*>(memory);
  std::map<const char*, size_t>::iterator next = gpu_memory.upper_bound(address);
  return next != gpu_memory.begin() && (--next, address < next->first + next->second);
}

void expect_on_gpu(const void* memory, const char* function) {
  if (is_on_gpu(memory)) { return; }
  std::fprintf(stderr, "%s was given memory that is not the GPU's\n", function);
  std::abort();
}

CBLAS_TRANSPOSE as_cblas(cublasOperation_t operation) {
  return operation == CUBLAS_OP_N ? CblasNoTrans : CblasTrans;
}

template <typename T>
T uniform() { return T(((random_numbers() >> 40) + 1) / 16777216.0); }  // in (0, 1]

}  // namespace

extern "C" {

void cuda_on_cpu_reset() {
  counts = CudaOnCpuCounts();
  counts.peak_bytes = bytes_in_use;
}
CudaOnCpuCounts cuda_on_cpu_counts() { return counts; }

// Of CUDA's driver, what colorgan.cuda_driver asks.
int cuInit(unsigned) { return 0; }
int cuDriverGetVersion(int* version) { *version = CUDA_VERSION; return 0; }
int cuDeviceGetCount(int* count) { *count = 1; return 0; }
int cuDeviceGet(int* device, int number) { *device = number; return 0; }
int cuDeviceGetAttribute(int* value, int, int) { *value = 9; return 0; }
int cuDeviceGetName(char* name, int length, int) { snprintf(name, length, "the CPU"); return 0; }
int cuDevicePrimaryCtxRetain(void** context, int) { *context = NULL; return 0; }
int cuCtxPushCurrent_v2(void*) { return 0; }
int cuCtxPopCurrent_v2(void**) { return 0; }
int cuCtxSynchronize() { return 0; }
int cuMemGetInfo_v2(size_t* free, size_t* total) { *free = *total = 0; return 0; }

}  // extern "C"

// Memory

cudaError_t cudaMalloc(void** memory, size_t bytes) {
  *memory = std::malloc(bytes);
  std::memset(*memory, 0xff, bytes);  // NaN
  const std::lock_guard<std::mutex> guard(mutex);
  gpu_memory[static_cast<char*>(*memory)] = bytes;
  bytes_in_use += bytes;
  counts.peak_bytes = max(counts.peak_bytes, bytes_in_use);
  return cudaSuccess;
}

cudaError_t cudaFree(void* memory) {
  if (memory == NULL) { return cudaSuccess; }
  expect_on_gpu(memory, __func__);
  const std::lock_guard<std::mutex> guard(mutex);
  bytes_in_use -= gpu_memory.at(static_cast<char*>(memory));
  gpu_memory.erase(static_cast<char*>(memory));
  std::free(memory);
  return cudaSuccess;
}

cudaError_t cudaMallocHost(void** memory, size_t bytes) {
  *memory = std::malloc(bytes);
  return cudaSuccess;
}

cudaError_t cudaFreeHost(void* memory) {
  std::free(memory);
  return cudaSuccess;
}

cudaError_t cudaMemcpy(void* to, const void* from, size_t bytes, cudaMemcpyKind) {
  const bool to_gpu = is_on_gpu(to), from_gpu = is_on_gpu(from);
  if (to_gpu && !from_gpu) {
    ++counts.copies_to_gpu;
    counts.bytes_to_gpu += bytes;
  } else if (from_gpu && !to_gpu) {
    ++counts.copies_to_host;
    counts.bytes_to_host += bytes;
  }
  std::memcpy(to, from, bytes);
  return cudaSuccess;
}

cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind kind, cudaStream_t) {
  return cudaMemcpy(to, from, bytes, kind);
}

cudaError_t cudaMemset(void* memory, int value, size_t bytes) {
  expect_on_gpu(memory, __func__);
  std::memset(memory, value, bytes);
  return cudaSuccess;
}

// The device, its streams and events

cudaError_t cudaGetDevice(int* device) { *device = 0; return cudaSuccess; }
cudaError_t cudaSetDevice(int) { return cudaSuccess; }
cudaError_t cudaGetDeviceCount(int* count) { *count = 1; return cudaSuccess; }
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int) {
  *properties = cudaDeviceProp();
  return cudaSuccess;
}
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr, int) { *value = 0; return cudaSuccess; }
cudaError_t cudaGetLastError() { return cudaSuccess; }
cudaError_t cudaPeekAtLastError() { return cudaSuccess; }
const char* cudaGetErrorString(cudaError_t) { return "no error"; }
cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) { *stream = NULL; return cudaSuccess; }
cudaError_t cudaStreamDestroy(cudaStream_t) { return cudaSuccess; }
cudaError_t cudaStreamSynchronize(cudaStream_t) { return cudaSuccess; }
cudaError_t cudaEventCreate(cudaEvent_t* event) { *event = NULL; return cudaSuccess; }
cudaError_t cudaEventDestroy(cudaEvent_t) { return cudaSuccess; }
cudaError_t cudaEventRecord(cudaEvent_t, cudaStream_t) { return cudaSuccess; }
cudaError_t cudaEventSynchronize(cudaEvent_t) { return cudaSuccess; }
cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t, cudaEvent_t) {
  *milliseconds = 0;
  return cudaSuccess;
}

// cuBLAS

cublasStatus_t cublasCreate(cublasHandle_t* handle) {
  *handle = reinterpret_cast<cublasHandle_t>(1);
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasDestroy(cublasHandle_t) { return CUBLAS_STATUS_SUCCESS; }
cublasStatus_t cublasSetStream(cublasHandle_t, cudaStream_t) { return CUBLAS_STATUS_SUCCESS; }
cublasStatus_t cublasGetStream(cublasHandle_t, cudaStream_t* stream) {
  *stream = NULL;
  return CUBLAS_STATUS_SUCCESS;
}

#define DEFINE_CUBLAS(letter, prefix, T) \
  cublasStatus_t cublas##letter##gemm(cublasHandle_t, cublasOperation_t transa, cublasOperation_t transb, int m, \
      int n, int k, const T* alpha, const T* a, int lda, const T* b, int ldb, const T* beta, T* c, int ldc) { \
    expect_on_gpu(a, __func__); \
    expect_on_gpu(b, __func__); \
    expect_on_gpu(c, __func__); \
    cblas_##prefix##gemm(CblasColMajor, as_cblas(transa), as_cblas(transb), m, n, k, *alpha, a, lda, b, ldb, \
        *beta, c, ldc); \
    return CUBLAS_STATUS_SUCCESS; \
  } \
  cublasStatus_t cublas##letter##gemv(cublasHandle_t, cublasOperation_t trans, int m, int n, const T* alpha, \
      const T* a, int lda, const T* x, int incx, const T* beta, T* y, int incy) { \
    expect_on_gpu(a, __func__); \
    expect_on_gpu(x, __func__); \
    expect_on_gpu(y, __func__); \
    cblas_##prefix##gemv(CblasColMajor, as_cblas(trans), m, n, *alpha, a, lda, x, incx, *beta, y, incy); \
    return CUBLAS_STATUS_SUCCESS; \
  } \
  cublasStatus_t cublas##letter##axpy(cublasHandle_t, int n, const T* alpha, const T* x, int incx, T* y, int incy) { \
    expect_on_gpu(x, __func__); \
    expect_on_gpu(y, __func__); \
    cblas_##prefix##axpy(n, *alpha, x, incx, y, incy); \
    return CUBLAS_STATUS_SUCCESS; \
  } \
  cublasStatus_t cublas##letter##scal(cublasHandle_t, int n, const T* alpha, T* x, int incx) { \
    expect_on_gpu(x, __func__); \
    cblas_##prefix##scal(n, *alpha, x, incx); \
    return CUBLAS_STATUS_SUCCESS; \
  } \
  cublasStatus_t cublas##letter##copy(cublasHandle_t, int n, const T* x, int incx, T* y, int incy) { \
    expect_on_gpu(x, __func__); \
    expect_on_gpu(y, __func__); \
    cblas_##prefix##copy(n, x, incx, y, incy); \
    return CUBLAS_STATUS_SUCCESS; \
  } \
  cublasStatus_t cublas##letter##dot(cublasHandle_t, int n, const T* x, int incx, const T* y, int incy, T* result) { \
    expect_on_gpu(x, __func__); \
    expect_on_gpu(y, __func__); \
    *result = cblas_##prefix##dot(n, x, incx, y, incy); \
    return CUBLAS_STATUS_SUCCESS; \
  } \
  cublasStatus_t cublas##letter##asum(cublasHandle_t, int n, const T* x, int incx, T* result) { \
    expect_on_gpu(x, __func__); \
    *result = cblas_##prefix##asum(n, x, incx); \
    return CUBLAS_STATUS_SUCCESS; \
  }
DEFINE_CUBLAS(S, s, float)
DEFINE_CUBLAS(D, d, double)

// cuRAND

curandStatus_t curandCreateGenerator(curandGenerator_t* generator, curandRngType_t) {
  *generator = reinterpret_cast<curandGenerator_t>(1);
  return CURAND_STATUS_SUCCESS;
}
curandStatus_t curandDestroyGenerator(curandGenerator_t) { return CURAND_STATUS_SUCCESS; }
curandStatus_t curandSetPseudoRandomGeneratorSeed(curandGenerator_t, unsigned long long seed) {
  random_numbers.seed(seed);
  return CURAND_STATUS_SUCCESS;
}
curandStatus_t curandSetGeneratorOffset(curandGenerator_t, unsigned long long) { return CURAND_STATUS_SUCCESS; }
curandStatus_t curandGenerate(curandGenerator_t, unsigned* values, size_t n) {
  expect_on_gpu(values, __func__);
  for (size_t i = 0; i < n; ++i) { values[i] = unsigned(random_numbers()); }
  return CURAND_STATUS_SUCCESS;
}

#define DEFINE_CURAND(suffix, T) \
  curandStatus_t curandGenerateUniform##suffix(curandGenerator_t, T* values, size_t n) { \
    expect_on_gpu(values, __func__); \
    for (size_t i = 0; i < n; ++i) { values[i] = uniform<T>(); } \
    return CURAND_STATUS_SUCCESS; \
  } \
  curandStatus_t curandGenerateNormal##suffix(curandGenerator_t, T* values, size_t n, T mean, T deviation) { \
    expect_on_gpu(values, __func__); \
    std::normal_distribution<T> distribution(mean, deviation); \
    for (size_t i = 0; i < n; ++i) { values[i] = distribution(random_numbers); } \
    return CURAND_STATUS_SUCCESS; \
  }
DEFINE_CURAND(, float)
DEFINE_CURAND(Double, double)
