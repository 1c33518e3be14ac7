#!/usr/bin/env bash
# Checks training on a GPU and measures it, and prints a page, whose parts it keeps in OUT.
#
#   bash tools/check_gpu.sh          where there is a card: sets the project up for that card alone and builds
#                                    Caffe's tests for it (20 minutes on 2 cores), and then, in 6 minutes at most,
#                                    Caffe's GPU tests of what our nets are made of, the project's tests on the GPU,
#                                    bench-train, and 300 iterations on drawn faces
#                                    elsewhere: Caffe's code for GPUs, compiled for the CPU by means of
#                                    tools/caffe/cuda_on_cpu, which counts what is copied to and from the GPU's
#                                    memory. Checks gradients, what an iteration copies, the memory of the paper's
#                                    training, and that losses follow the CPU's (5 minutes on 2 cores); cuDNN, the
#                                    compiler for GPUs and speed are not tried by this
#   bash tools/check_gpu.sh --built  the parts for a card with what is there: nothing is set up or built
#
#   GPU=n                 the card (default: 0)
#   PYTHON=path           with --built: what runs the project (default: .venv/bin/python)
#   CAFFE_TESTS=folder    with --built: Caffe's tests, as build_caffe.sh --cuda --tests leaves them (default: none)
#   PYTORCH_PYTHON=path   a Python that has PyTorch with CUDA (default: the project's own, if it has)
#   OUT=folder            where logs go (default: runs/check_gpu)
set -euo pipefail
shopt -s inherit_errexit

root=$(cd "${BASH_SOURCE[0]%/*}/.." && pwd)
# shellcheck source=tools/caffe/common.sh
source "$root/tools/caffe/common.sh"
cd "$root"
gpu=${GPU:-0} out=${OUT:-runs/check_gpu} python=${PYTHON:-.venv/bin/python}
tests=(tests/training/test_gpu_gradients.py tests/training/test_gpu_mode.py tests/training/test_steps.py
  tests/training/test_averaging.py tests/nets/test_parameter_gradients.py tests/engine/test_engine_training.py)
on_gpu=(--gpu "$gpu" "${tests[@]}" -k "not stock and not same_bits")
layers_on_gpu=(--gpu "$gpu" tests/engine/test_engine_elements.py tests/engine/test_engine_convolution.py -k gpu)

ask_driver() { PYTHONPATH=python python3 -c "from colorgan.nets.cuda_driver import *; print($1)"; }

check_without_card() {
  local wheel
  bash tools/setup.sh
  wheel=$(bash tools/build_caffe.sh --cuda-on-cpu)
  packages=$(mktemp -d) # not local: the trap reads it after this function
  trap 'rm -rf "$packages"' EXIT
  "$python" -m pip --disable-pip-version-check install --quiet --no-deps --target "$packages" "$wheel"
  ln -s libcaffe.so.1.0.0 "$packages/caffe/libcuda.so.1" # which answers as CUDA's driver as well
  export PYTHONPATH=$packages LD_LIBRARY_PATH=$packages/caffe
  "$python" -m pytest "${on_gpu[@]}"
  "$python" -m pytest "${layers_on_gpu[@]}"
}

build_for_card() {
  CUDA_CARDS=$(ask_driver "'%d%d' % compute_capability($gpu)")
  export CUDA=1 CUDA_CARDS
  say "a card of compute capability $CUDA_CARDS: Caffe is built for it alone"
  bash tools/setup.sh
  CAFFE_TESTS=$(bash tools/build_caffe.sh --cuda --tests)
}

# Runs part $1 for at most $2 seconds, with what follows; its output goes to a file, its end to the page.
failed=0
part() {
  local name=$1 limit=$2 begun=$SECONDS code=0 outcome
  shift 2
  say "$name ..."
  timeout --kill-after=10 "$limit" "$@" > "$out/$name.log" 2>&1 || code=$?
  case $code in
    0) outcome=passed ;;
    124 | 137) outcome="stopped after its $limit s" ;;
    *) outcome="failed with code $code" ;;
  esac
  ((code == 0)) || failed=1
  printf '%s: %s (%s s; %s)\n' "$name" "$outcome" $((SECONDS - begun)) "$out/$name.log" | tee -a "$out/page.txt"
}

# Puts the lines of file $1 that match $2, the last 60 at most, on the page.
show() { grep -E "$2" "$1" | tail -n 60 | sed 's/^/  /' | tee -a "$out/page.txt" || true; }

# Caffe's tests in several processes: many are gradients by finite differences, which take one core.
caffe_tests() {
  local shards=$(($(nproc) < 6 ? $(nproc) : 6)) shard pids=() code=0 pid
  for ((shard = 0; shard < shards; ++shard)); do
    (
      cd "$CAFFE_TESTS" # where the solvers' tests find their data
      export GTEST_TOTAL_SHARDS=$shards GTEST_SHARD_INDEX=$shard GLOG_minloglevel=2
      LD_LIBRARY_PATH=$PWD${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} exec ./test.testbin --gtest_filter="$gpu_tests"
    ) &
    pids+=($!)
  done
  for pid in "${pids[@]}"; do wait "$pid" || code=1; done
  return $code
}

main_job() {
  local data=$out/faces run=$out/run
  rm -rf "$data" "$out/lmdb" "$run"
  set -x
  "$python" -m colorgan make-sample-faces --out "$data" --count 64 --test-count 40
  "$python" -m colorgan build-lmdb --images "$data/img_align_celeba" --partition "$data/list_eval_partition.txt" \
    --out "$out/lmdb" --test-count 40
  "$python" -m colorgan train --data "$out/lmdb" --out "$run" --gpu "$gpu" --iterations 300 --validate-every 100 \
    --snapshot-every 100 --validation-faces 24 --profile
  "$python" -m colorgan evaluate --gpu "$gpu" --weights "$run/snapshots/best/generator.caffemodel" \
    --data "$out/lmdb" --skip 24 --out "$run/evaluation"
}

benchmark() {
  local options=()
  if [[ -n ${PYTORCH_PYTHON:-} ]]; then
    options=(--pytorch-python "$PYTORCH_PYTHON")
  elif ! "$python" -c 'import torch' 2> /dev/null; then
    options=(--sides ours)
  fi
  "$python" -m colorgan bench-train --gpu "$gpu" --rounds 3 --json "$out/bench.json" "${options[@]}"
}

# The parts that `part` starts in a shell of their own, where it can stop them.
export -f caffe_tests main_job benchmark
export gpu out python gpu_tests

check_card() {
  local log
  mkdir -p "$out"
  out=$(cd "$out" && pwd)
  rm -f "$out"/*.log "$out/page.txt"
  part device 20 "$python" -c "
import json; from pathlib import Path; from colorgan.nets import cuda_driver as driver, runtime
runtime.use_device($gpu)
print(driver.name_of($gpu), 'of compute capability', runtime.dotted(driver.compute_capability($gpu)))
print('driver for CUDA', runtime.dotted(driver.supported_cuda()))
print(json.loads((Path(runtime.load_caffe().__file__).parent / 'build.json').read_text())['cuda'])"
  show "$out/device.log" .
  part tests 75 "$python" -m pytest "${on_gpu[@]}"
  show "$out/tests.log" '^(FAILED|ERROR|E  )|(passed|failed).* in '
  part layers 45 "$python" -m pytest "${layers_on_gpu[@]}"
  show "$out/layers.log" '^(FAILED|ERROR|E  )|(passed|failed).* in '
  part benchmark 140 bash -euc benchmark
  show "$out/benchmark.log" '^[^r]'
  part main_job 30 bash -euc main_job
  show "$out/main_job.log" '^(Model|Gray|Original|[GD] |copies|next batch)|iterations done|rror'
  if [[ -n ${CAFFE_TESTS:-} ]]; then
    export CAFFE_TESTS
    part caffe_tests 50 bash -euc caffe_tests
    log=$out/caffe_tests.log
    printf "  Caffe's GPU tests: %s passed, %s failed\n" \
      "$(grep -c '^\[       OK' "$log" || true)" "$(grep -c '^\[  FAILED  \] .* ms)' "$log" || true)" \
      | tee -a "$out/page.txt"
    show "$log" '^\[  FAILED  \] .* ms\)'
  fi
  say "all of this is in $out/page.txt"
  return $failed
}

case ${1:-} in
  --built) check_card ;;
  '')
    if [[ $(ask_driver 'count_gpus()') == 0 ]]; then
      check_without_card
    else
      build_for_card
      check_card
    fi
    ;;
  *) die "$1: unknown; the one option is --built" ;;
esac
