#ifndef CAFFE_CPU_ENGINE_DISPATCH_HPP_
#define CAFFE_CPU_ENGINE_DISPATCH_HPP_

// Which vector instructions the accelerated CPU layers may use, chosen once a process.
//
// The kernels are compiled once for each instruction set, and no file outside kernels_*.cpp holds
// instructions that a plain x86-64 lacks. So one build runs anywhere, and where there is neither
// AVX2 nor AVX-512 every layer runs Caffe's own code.

namespace caffe {
namespace cpu_engine {

struct ConvolutionKernels;
struct ElementKernels;

// The kernels of one instruction set.
struct Kernels {
  const char* name;  // "avx2", "avx512"
  const ConvolutionKernels* convolution;
  const ElementKernels* element;
};

// The kernels to use: the best that this machine can run and CAFFE_CPU_ENGINE allows (stock, avx2,
// avx512; unset: no limit). NULL means Caffe's own code.
const Kernels* kernels();

// Threads that a parallel region gets, as OpenMP says (OMP_NUM_THREADS).
int threads();

// Defined by kernels_avx2.cpp and kernels_avx512.cpp.
extern const Kernels kAvx2Kernels;
extern const Kernels kAvx512Kernels;

}  // namespace cpu_engine
}  // namespace caffe

#endif  // CAFFE_CPU_ENGINE_DISPATCH_HPP_
