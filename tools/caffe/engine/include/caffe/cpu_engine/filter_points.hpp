#ifndef CAFFE_CPU_ENGINE_FILTER_POINTS_HPP_
#define CAFFE_CPU_ENGINE_FILTER_POINTS_HPP_

#include <cstring>
#include <vector>

#include "caffe/cpu_engine/parallel.hpp"

namespace caffe {
namespace cpu_engine {

// A layer's filters as Winograd's algorithm takes them, kept for as long as the filters stay the
// same: taking them to their points is an eighth of the work of colouring one face. A program may
// write to a layer's filters at any moment, so they are compared, which is quick.
class FilterPoints {
 public:
  // Where the points of `filters` are, or are to be written: `floats` of them, always as many.
  // `known` says which.
  float* of(const float* filters, size_t count, size_t floats, bool* known) {
    *known = filters_.size() == count &&
             std::memcmp(filters_.data(), filters, count * sizeof(float)) == 0;
    if (!*known) filters_.assign(filters, filters + count);
    return points_.reserve(floats);
  }

 private:
  std::vector<float> filters_;
  Workspace points_;
};

}  // namespace cpu_engine
}  // namespace caffe

#endif  // CAFFE_CPU_ENGINE_FILTER_POINTS_HPP_
