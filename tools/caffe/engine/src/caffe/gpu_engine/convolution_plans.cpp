#include "caffe/gpu_engine/convolution_plans.hpp"

#include <cstdlib>
#include <fstream>
#include <map>
#include <mutex>
#include <sstream>

#include "caffe/common.hpp"

namespace caffe {
namespace gpu_engine {

// All plans of the process. A line of the file is a key, a tab, and the plan's five numbers.
class Plans {
 public:
  Plans() {
    const char* const path = std::getenv("CAFFE_CONVOLUTION_PLANS");
    path_ = path == NULL ? "" : path;
    std::ifstream file(path_);
    for (std::string line; std::getline(file, line);) {
      const size_t tab = line.find('\t');
      ConvolutionPlan plan;
      if (tab != std::string::npos && std::istringstream(line.substr(tab)) >> plan.algorithm >>
                                          plan.bytes >> plan.math >> plan.pieces >>
                                          plan.milliseconds) {
        plans_[line.substr(0, tab)] = plan;
      }
    }
  }

  bool find(const std::string& key, ConvolutionPlan* plan) {
    const std::lock_guard<std::mutex> guard(mutex_);
    const std::map<std::string, ConvolutionPlan>::const_iterator found = plans_.find(key);
    if (found == plans_.end()) {
      return false;
    }
    *plan = found->second;
    return true;
  }

  void keep(const std::string& key, const ConvolutionPlan& plan) {
    const std::lock_guard<std::mutex> guard(mutex_);
    plans_[key] = plan;
    if (path_.empty()) {
      return;
    }
    std::ostringstream line;  // one write, so that another process's does not get between
    line << key << '\t' << plan.algorithm << ' ' << plan.bytes << ' ' << plan.math << ' '
         << plan.pieces << ' ' << plan.milliseconds << '\n';
    std::ofstream file(path_, std::ios::app);
    if (!(file << line.str() << std::flush)) {
      LOG(WARNING) << path_ << " cannot be written: how convolutions are computed is not kept";
    }
  }

 private:
  std::mutex mutex_;
  std::string path_;
  std::map<std::string, ConvolutionPlan> plans_;
};

static Plans& plans() {
  static Plans of_process;
  return of_process;
}

bool find_plan(const std::string& key, ConvolutionPlan* plan) { return plans().find(key, plan); }
void keep_plan(const std::string& key, const ConvolutionPlan& plan) { plans().keep(key, plan); }

}  // namespace gpu_engine
}  // namespace caffe
