#!/usr/bin/env bash
# Tries colorgan train --gpu where there is no GPU: Caffe's code for GPUs, compiled for the CPU by means of
# tools/caffe/cuda_on_cpu, which counts what is copied to and from the GPU's memory. Checks the gradients of
# formulas (3) and (4), what an iteration copies, the memory of the paper's training, and that losses follow
# the CPU's. cuDNN, the compiler for GPUs and speed are not tried by this. 5 minutes on 2 cores.
set -euo pipefail
shopt -s inherit_errexit

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
bash tools/setup.sh
wheel=$(bash tools/build_caffe.sh --cuda-on-cpu)
packages=$(mktemp -d)
trap 'rm -rf "$packages"' EXIT
.venv/bin/python -m pip --disable-pip-version-check install --quiet --no-deps --target "$packages" "$wheel"
ln -s libcaffe.so.1.0.0 "$packages/caffe/libcuda.so.1" # which answers as CUDA's driver as well
export PYTHONPATH=$packages LD_LIBRARY_PATH=$packages/caffe
.venv/bin/python -m pytest --gpu 0 tests/training/test_gpu_mode.py tests/training/test_steps.py \
  tests/training/test_averaging.py tests/engine/test_engine_training.py -k "not stock and not same_bits" "$@"
