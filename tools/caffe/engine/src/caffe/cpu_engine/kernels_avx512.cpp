// The engine's kernels for AVX-512: vectors of 16 floats.
#pragma GCC target("avx512f,avx512dq,avx2,fma,prefer-vector-width=512")
#define ENGINE_KERNELS kAvx512Kernels
#define ENGINE_NAME "avx512"
#define ENGINE_WIDTH 16
#include "kernels.inl"
