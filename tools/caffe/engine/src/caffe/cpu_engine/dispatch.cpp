#include "caffe/cpu_engine/dispatch.hpp"

#include <omp.h>

#include <cstdlib>
#include <string>

#include "caffe/common.hpp"

namespace caffe {
namespace cpu_engine {

static const Kernels* choose_kernels() {
  const char* limit = std::getenv("CAFFE_CPU_ENGINE");
  const std::string allowed = limit && *limit ? limit : "avx512";
  CHECK(allowed == "stock" || allowed == "avx2" || allowed == "avx512")
      << "CAFFE_CPU_ENGINE=" << allowed << ": must be stock, avx2 or avx512";
  if (allowed == "avx512" && __builtin_cpu_supports("avx512f") &&
      __builtin_cpu_supports("avx512dq")) {
    return &kAvx512Kernels;
  }
  if (allowed != "stock" && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    return &kAvx2Kernels;
  }
  return NULL;
}

const Kernels* kernels() {
  static const Kernels* const chosen = choose_kernels();
  return chosen;
}

int threads() { return omp_get_max_threads(); }

}  // namespace cpu_engine
}  // namespace caffe
