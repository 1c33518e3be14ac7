// The engine's kernels for AVX2 and FMA: vectors of 8 floats.
#pragma GCC target("avx2,fma")
#define ENGINE_KERNELS kAvx2Kernels
#define ENGINE_NAME "avx2"
#define ENGINE_WIDTH 8
#include "kernels.inl"
