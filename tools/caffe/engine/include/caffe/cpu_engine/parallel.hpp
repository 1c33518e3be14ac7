#ifndef CAFFE_CPU_ENGINE_PARALLEL_HPP_
#define CAFFE_CPU_ENGINE_PARALLEL_HPP_

#include <omp.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <vector>

namespace caffe {
namespace cpu_engine {

// The part [begin, end) of `count` pieces of work that falls to one thread. It depends on nothing
// but the numbers given, so that sums over it are the same in every run.
struct Share {
  int begin, end;
  Share(int count, int thread, int threads)
      : begin(static_cast<long long>(count) * thread / threads),
        end(static_cast<long long>(count) * (thread + 1) / threads) {}
};

// Runs work(thread, threads) once on each of up to `threads` threads; returns how many took
// part.
template <typename Work>
int in_parallel(int threads, const Work& work) {
  int taking_part = 1;
#pragma omp parallel num_threads(threads)
  {
#pragma omp single
    taking_part = omp_get_num_threads();
    work(omp_get_thread_num(), omp_get_num_threads());
  }
  return taking_part;
}

// Runs work(thread, index) for every index in [0, count). Each thread begins with its own share,
// the same in every pass: what it wrote in the last one is in its core's cache, and would come from
// another core's several times as slowly. Then it takes what others have not begun: a core that
// other programs use as well does not hold them up. For work whose results do not depend on who
// does it.
template <typename Work>
void share_out(int threads, int count, const Work& work) {
  struct alignas(64) Begun {
    std::atomic<int> pieces;
  };
  const int used = std::min(threads, count);
  std::vector<Begun> begun(used);  // of each thread's share
  in_parallel(used, [&](int thread, int threads) {
    for (int i = 0; i < threads; ++i) {
      const int owner = (thread + i) % threads;
      const Share share(count, owner, threads);
      for (int index = share.begin + begun[owner].pieces++; index < share.end;
           index = share.begin + begun[owner].pieces++) {
        work(thread, index);
      }
    }
  });
}

// Memory that a computation needs while it runs: kept for the next one, since fresh pages cost as
// much time as copying as many bytes.
class Workspace {
 public:
  // Each thread that calls into Caffe has one.
  static Workspace& of_this_thread();
  Workspace() : memory_(NULL), floats_(0) {}
  ~Workspace() { ::operator delete(memory_); }

  // At least `floats` floats, on a cache line's boundary. They hold what was written there last,
  // unless more are wanted than ever before.
  float* reserve(size_t floats);

 private:
  Workspace(const Workspace&);
  Workspace& operator=(const Workspace&);

  void* memory_;
  size_t floats_;
};

const int kCacheLine = 16;  // floats

inline ptrdiff_t round_up(ptrdiff_t n, ptrdiff_t unit) { return (n + unit - 1) / unit * unit; }

// The distance, in floats, between rows of `n` floats of which many are read side by side: whole
// vectors, and a cache line more than a power of two, which would put all in the same cache sets.
inline ptrdiff_t row_stride(ptrdiff_t n) { return round_up(n, kCacheLine) + kCacheLine; }

}  // namespace cpu_engine
}  // namespace caffe

#endif  // CAFFE_CPU_ENGINE_PARALLEL_HPP_
