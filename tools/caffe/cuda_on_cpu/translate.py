"""Turns Caffe's CUDA sources into C++ for this folder's CUDA, in place: translate.py SOURCE."""

import re
import shutil
import sys
from pathlib import Path

HERE = Path(__file__).parent
HEADERS = ("cublas_v2.h", "cuda.h", "cuda_runtime.h", "curand.h", "driver_types.h")
# A kernel is a function then, and its launch a call.
LAUNCH = re.compile(r"<<<.*?>>>", re.DOTALL)
NOT_NEEDED = re.compile(r'#include [<"](thrust/|math_functions\.h).*')
LOOP = re.compile(r"#define CUDA_KERNEL_LOOP\(i, n\).*?\n\n", re.DOTALL)
ONE_LOOP = "#define CUDA_KERNEL_LOOP(i, n) for (int i = 0; i < (n); ++i)\n\n"
# In place of caffe/gpu_engine/block.cuh, whose threads add up what they have.
ONE_THREAD = """namespace caffe {
namespace gpu_engine {
const int kThreads = 1;
inline void block_barrier() {}
template <typename Dtype>
using ThreadSum = double;  // of what 256 threads would add up
template <typename T>
T block_sum(T value) { return value; }
}  // namespace gpu_engine
}  // namespace caffe
"""
FOR_CPUS_ONLY = "list(APPEND Caffe_DEFINITIONS PUBLIC -DCPU_ONLY)"


def edit(path: Path, pattern: re.Pattern[str], text: str) -> None:
    """Replace what is there of `pattern`, which is not to be absent."""
    edited, count = pattern.subn(text, path.read_text())
    if not count:
        sys.exit(f"{path}: has no {pattern.pattern}")
    path.write_text(edited)


def main(source: Path) -> None:
    """Translate, and have CMake compile the result as it does a Caffe for CPUs only."""
    for cuda in [*source.rglob("*.cu"), *source.rglob("*.cuh")]:
        text = LAUNCH.sub("", cuda.read_text())
        text = NOT_NEEDED.sub("#include <cmath>\n#include <cstring>", text)
        cuda.write_text(text)
        if cuda.suffix == ".cu":
            cuda.rename(cuda.with_name(f"{cuda.stem}_cu.cpp"))
    include = source / "include"
    (include / "caffe/util/gpu_util.cuh").write_text(
        "#define caffe_gpu_atomic_add(value, sum) atomicAdd(sum, value)\n"
    )
    (include / "caffe/gpu_engine/block.cuh").write_text(ONE_THREAD)
    edit(include / "caffe/util/math_functions.hpp", LAUNCH, "")
    edit(include / "caffe/util/device_alternate.hpp", LOOP, ONE_LOOP)
    edit(source / "cmake/Dependencies.cmake", re.compile(re.escape(FOR_CPUS_ONLY)), "")
    for header in HEADERS:
        (include / header).write_text('#include "cuda_on_cpu.hpp"\n')
    shutil.copy(HERE / "cuda_on_cpu.hpp", include)
    shutil.copy(HERE / "cuda_on_cpu.cpp", source / "src/caffe/util")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
