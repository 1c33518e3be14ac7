#ifndef CAFFE_CPU_ENGINE_LAYER_RUN_HPP_
#define CAFFE_CPU_ENGINE_LAYER_RUN_HPP_

#include <vector>

#include "caffe/common.hpp"

namespace caffe {

template <typename Dtype>
class Net;

namespace cpu_engine {

// Consecutive layers of a net that can be computed in one go, with the same results.
//
// A net may run any of its layers by itself at any time, forward or backward: each pass leaves
// behind what the layers' own code needs. A run goes backward by what it computed itself: what
// others write to its blob in between does not count.
class LayerRun {
 public:
  virtual ~LayerRun() {}
  int first() const { return first_; }
  int last() const { return last_; }

  // Whether there is code for it where Caffe computes: on a GPU, always.
  virtual bool can_go_forward() const = 0;
  virtual void Forward() = 0;
  // Whether the layers were last run by Forward(), and there, and all take part in the backward
  // pass.
  virtual bool can_go_backward() const = 0;
  virtual void Backward() = 0;

 protected:
  LayerRun(int first, int last) : first_(first), last_(last) {}

 private:
  const int first_, last_;  // layers' numbers in the net
};

// The runs of a net whose layers are all set up: BatchNorm, Scale and, where there is one, ReLU,
// the latter two in place. None for doubles.
template <typename Dtype>
vector<shared_ptr<LayerRun> > find_layer_runs(const Net<Dtype>& net);

}  // namespace cpu_engine
}  // namespace caffe

#endif  // CAFFE_CPU_ENGINE_LAYER_RUN_HPP_
