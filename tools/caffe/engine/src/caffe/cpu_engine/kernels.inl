// What kernels_avx2.cpp and kernels_avx512.cpp have in common; compiled once for each.
//
// All is in an unnamed namespace and nothing of the standard library is used: a template or inline
// function compiled here for AVX-512 must not be the copy that the linker keeps for other files.

#include <stddef.h>

#include "caffe/cpu_engine/convolution_kernels.hpp"
#include "caffe/cpu_engine/dispatch.hpp"
#include "caffe/cpu_engine/element_kernels.hpp"

namespace caffe {
namespace cpu_engine {
namespace {

const int kWidth = ENGINE_WIDTH;  // floats in a vector
typedef float Vec __attribute__((vector_size(4 * ENGINE_WIDTH)));
// The same at addresses that are multiples of 4 only.
typedef float UnalignedVec __attribute__((vector_size(4 * ENGINE_WIDTH), aligned(4)));

inline Vec load(const float* p) { return *reinterpret_cast<const UnalignedVec*>(p); }
inline void store(float* p, Vec v) { *reinterpret_cast<UnalignedVec*>(p) = v; }
inline Vec broadcast(float x) { return x - Vec(); }

// Some of a vector's lanes: what is not loaded is 0, what is not stored stays as it is.
#if ENGINE_WIDTH == 16
typedef unsigned short Lanes;
inline Lanes lanes(int begin, int end) {  // those that there are of [begin, end), begin >= 0
  return end <= begin ? 0 : (end < kWidth ? (1 << end) - 1 : -1) & -(1 << begin);
}
inline Vec load_lanes(Lanes lanes, const float* p) {
  return __builtin_ia32_loadups512_mask(p, Vec(), lanes);
}
inline void store_lanes(Lanes lanes, float* p, Vec v) {
  __builtin_ia32_storeups512_mask(p, v, lanes);
}
#else
typedef int Lanes __attribute__((vector_size(4 * ENGINE_WIDTH)));
inline Lanes lanes(int begin, int end) {
  const Lanes index = {0, 1, 2, 3, 4, 5, 6, 7};
  return (index >= begin - Lanes()) & (index < end - Lanes());
}
inline Vec load_lanes(Lanes lanes, const float* p) {
  return __builtin_ia32_maskloadps256(reinterpret_cast<const Vec*>(p), lanes);
}
inline void store_lanes(Lanes lanes, float* p, Vec v) {
  __builtin_ia32_maskstoreps256(reinterpret_cast<Vec*>(p), lanes, v);
}
#endif

// a b + c, rounded once.
//
// A compiler may make one instruction of a product and a sum, or two with another rounding, and
// need not decide alike for each copy of the same expression. Which copy a value goes through, that
// of whole vectors or of a row's end, of four rows or of one, depends on how the work is shared
// out. So these files are compiled with -ffp-contract=off, which leaves every expression as it is
// written, and where one instruction is wanted, it is asked for.
inline Vec multiply_add(Vec a, Vec b, Vec c) {
#if ENGINE_WIDTH == 16
  const int current_rounding = 4;
  return __builtin_ia32_vfmaddps512_mask(a, b, c, -1, current_rounding);
#else
  return __builtin_ia32_vfmaddps256(a, b, c);
#endif
}
inline Vec multiply_add(float a, Vec b, Vec c) { return multiply_add(broadcast(a), b, c); }

#include "convolution_kernels.inl"
#include "element_kernels.inl"

}  // namespace

extern const Kernels ENGINE_KERNELS = {ENGINE_NAME, &convolution_kernels, &element_kernels};

}  // namespace cpu_engine
}  // namespace caffe
