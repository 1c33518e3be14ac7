#ifndef CAFFE_CPU_ENGINE_ELEMENTS_HPP_
#define CAFFE_CPU_ENGINE_ELEMENTS_HPP_

#include <algorithm>

#include "caffe/cpu_engine/dispatch.hpp"
#include "caffe/cpu_engine/parallel.hpp"

namespace caffe {
namespace cpu_engine {

// With fewer, waking a thread takes longer than its work.
const ptrdiff_t kValuesPerThread = 16384;

// Threads worth using on `values` values that come in `pieces` pieces.
inline int useful_threads(ptrdiff_t values, ptrdiff_t pieces) {
  return std::max<ptrdiff_t>(
      1, std::min<ptrdiff_t>(threads(), std::min(pieces, values / kValuesPerThread)));
}

// Runs work(begin, size) on parts of 0...values, each on a thread of its own. Every part but the
// last is whole vectors, so that all values but the very last take the same instructions.
template <typename Work>
void for_values(ptrdiff_t values, const Work& work) {
  const int lines = (values + kCacheLine - 1) / kCacheLine;
  in_parallel(useful_threads(values, lines), [&](int thread, int threads) {
    const Share share(lines, thread, threads);
    const ptrdiff_t begin = static_cast<ptrdiff_t>(share.begin) * kCacheLine;
    const ptrdiff_t end =
        std::min<ptrdiff_t>(values, static_cast<ptrdiff_t>(share.end) * kCacheLine);
    work(begin, end - begin);
  });
}

}  // namespace cpu_engine
}  // namespace caffe

#endif  // CAFFE_CPU_ENGINE_ELEMENTS_HPP_
