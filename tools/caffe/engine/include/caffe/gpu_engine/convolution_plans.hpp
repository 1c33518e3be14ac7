#ifndef CAFFE_GPU_ENGINE_CONVOLUTION_PLANS_HPP_
#define CAFFE_GPU_ENGINE_CONVOLUTION_PLANS_HPP_

#include <cstddef>
#include <string>

// How to compute a convolution. cuDNN has several algorithms for each, and narrow_convolution.hpp one for
// some; the quickest is found by trying them, once for each shape and card. The choice decides about
// the last bits of all results, and a stopwatch may choose another one next time: so it is kept for
// the life of the process, and, where the environment's CAFFE_CONVOLUTION_PLANS names a file, in that
// file for later ones.

namespace caffe {
namespace gpu_engine {

const int kOwnAlgorithm = -1;  // narrow_convolution.hpp's

struct ConvolutionPlan {
  int algorithm;  // of cuDNN's enumeration for the pass; or kOwnAlgorithm
  size_t bytes;   // of workspace that it needs
  int math;       // a cudnnMathType_t
  int pieces;     // that the images are taken in, one after the other
  float milliseconds;
};

// The plan kept for what `key` describes in a line, if there is one.
bool find_plan(const std::string& key, ConvolutionPlan* plan);
void keep_plan(const std::string& key, const ConvolutionPlan& plan);

}  // namespace gpu_engine
}  // namespace caffe

#endif  // CAFFE_GPU_ENGINE_CONVOLUTION_PLANS_HPP_
