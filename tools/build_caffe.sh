#!/usr/bin/env bash
# Builds the Python wheel of BVLC Caffe and prints its path last, on standard output.
#
# The source is Debian's package `caffe`, checked by its sha256, with tools/caffe/patches applied and the
# CPU engine of tools/caffe/engine added. The wheel is kept in the user's cache under a key of everything
# that goes into it, so a second call takes a second.
#
# CAFFE_TARBALL=file takes the source from this file instead of the archive that the machine's apt knows, Debian's
# or Ubuntu's.
#
#   bash tools/build_caffe.sh           builds the wheel, for CPUs only
#   bash tools/build_caffe.sh --check   builds and runs Caffe's own C++ tests of what the patches touch,
#                                       under each instruction set that this machine has (15 minutes)
#   bash tools/build_caffe.sh --cuda [--check]
#                                       the same with CUDA and cuDNN; the tests run on the GPU, too, if
#                                       there is one
#   bash tools/build_caffe.sh --cuda --tests
#                                       builds Caffe's tests with CUDA, runs none, and prints the folder that
#                                       test.testbin is to be run from: for check_gpu.sh
#   bash tools/build_caffe.sh --cuda-on-cpu
#                                       the code for GPUs, without cuDNN, compiled for the CPU by means of
#                                       tools/caffe/cuda_on_cpu: for check_gpu.sh
#
# CUDA 11.8 to 13 will do: that of CUDA_HOME, else that of the nvcc on the PATH, with cuDNN 8 or 9 in it, in
# /usr or in CUDNN_ROOT; else pip packages of CUDA 13 are installed into the cache (1.4 GB). The wheel looks
# for the libraries where they were when it was built. CUDA_CARDS="75 90" builds for these cards alone, by their
# compute capabilities without the dot, which takes less time; the wheel is another one.
#
# Needs the Debian packages of tools/caffe/apt-packages.txt and the .venv of tools/setup.sh, which calls it.
set -euo pipefail
shopt -s inherit_errexit

# Debian's own tools only: CMake looks for libraries beside every folder of PATH, so another tool chain
# in it (conda's, say) would get mixed in. Caller's flags would make another wheel under the same key.
caller_path=$PATH
PATH=/usr/sbin:/usr/bin:/sbin:/bin
unset CC CXX CFLAGS CPPFLAGS CXXFLAGS LDFLAGS CPATH C_INCLUDE_PATH CPLUS_INCLUDE_PATH LIBRARY_PATH
unset CMAKE_PREFIX_PATH CMAKE_GENERATOR PYTHONHOME PYTHONPATH
unset NVCC_APPEND_FLAGS NVCC_PREPEND_FLAGS NVCC_CCBIN CUDAHOSTCXX CUDA_PATH CUDA_BIN_PATH CUDA_INC_PATH CUDA_LIB_PATH

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=tools/caffe/common.sh
source "$root/tools/caffe/common.sh"
# shellcheck source=tools/caffe/cuda.sh
source "$root/tools/caffe/cuda.sh"

version=1.0.0+git20180821.99bd997
tarball_name=caffe_$version.orig.tar.gz
tarball_sha256=e0eb3f06794f7402c77b7dec8e8480273ee1a1bb192e9122b621a69d4147ad0c
cmake_options=(
  -DCMAKE_BUILD_TYPE=Release
  -DUSE_OPENCV=OFF
  -DUSE_LEVELDB=OFF
  -DUSE_LMDB=ON
  -DUSE_HDF5=ON
  -DBLAS=Open
  -DUSE_OPENMP=ON
  -DBUILD_python_layer=ON
  -DBUILD_docs=OFF
  -Dpython_version=3
)
# Caffe's tests of the layers and solvers that the engine has to do with, and of nets.
checked_tests=convolution_layer,deconvolution_layer,batch_norm_layer,scale_layer,bias_layer,neuron_layer,split_layer,euclidean_loss_layer,gradient_based_solver,net
# What else our nets are made of, and what all of Caffe's GPU code stands on.
checked_cuda_tests=concat_layer,slice_layer,eltwise_layer,power_layer,inner_product_layer,reduction_layer,sigmoid_cross_entropy_loss_layer,tanh_layer,im2col_layer,im2col_kernel,math_functions,syncedmem,common,platform
needed_mib=300 build_minutes=4

caffe_files=$root/tools/caffe
python=$root/.venv/bin/python
cache=${XDG_CACHE_HOME:-$HOME/.cache}/colorgan/caffe
log=$cache/build.log

# Ubuntu's sha256sum speaks of missing files even so.
has_expected_sha256() { sha256sum --check --status <<< "$tarball_sha256  $1" &> /dev/null; }

check_tools() {
  local missing
  missing=$(missing_packages | xargs)
  [[ -z $missing ]] || die "Debian packages are missing ($missing): run bash tools/setup.sh"
  "$python" -c 'import google.protobuf, numpy, setuptools' 2> /dev/null \
    || die "$python cannot import numpy, protobuf and setuptools: run bash tools/setup.sh"
}

# Everything the wheel depends on, one item a line; its hash names the wheel.
key_inputs() {
  echo "source $tarball_sha256"
  (cd "$caffe_files" && sha256sum ../build_caffe.sh wheel/setup.py patches/*.patch)
  engine_sums
  "$python" -c 'import google.protobuf, numpy, platform, setuptools
print("python", platform.python_version(), platform.machine())
print("numpy", numpy.__version__)
print("protobuf", google.protobuf.__version__)
print("setuptools", setuptools.__version__)'
  echo "compiler $(g++ -dumpfullversion)"
  echo "options ${cmake_options[*]}"
  [[ -z $cuda ]] || (sha256sum < "$caffe_files/cuda.sh" && describe_cuda)
  [[ -z $cuda_on_cpu ]] || (cd "$caffe_files" && sha256sum cuda_on_cpu/*.*)
  # shellcheck disable=SC2046
  dpkg-query -W -f '${Package} ${Version}\n' $(listed_packages | grep -E -- '-dev$|^protobuf-compiler$')
}

check_given_tarball() {
  [[ -f $CAFFE_TARBALL ]] || die "CAFFE_TARBALL=$CAFFE_TARBALL: no such file"
  has_expected_sha256 "$CAFFE_TARBALL" \
    || die "CAFFE_TARBALL=$CAFFE_TARBALL: sha256 is not $tarball_sha256: damaged, or not $tarball_name"
}

# Runs apt-get with its own sources and state, so that the machine's stay as they are.
own_apt_get() {
  apt-get -o Dir::Etc::sourcelist="$work/apt/caffe.sources" -o Dir::Etc::sourceparts=/dev/null \
    -o Dir::State::lists="$work/apt/lists" -o Dir::Cache="$work/apt/cache" \
    -o APT::Sandbox::User=root -o Acquire::Languages=none \
    -o Acquire::Retries=2 -o Acquire::http::Timeout=30 -o Acquire::https::Timeout=30 "$@"
}

# Downloads the source package from archive $1 into the current folder; apt checks its signature.
download_from() {
  cat > "$work/apt/caffe.sources" << SOURCES
Types: deb-src
URIs: $1
Suites: $source_suite
Components: $source_component
Signed-By: /usr/share/keyrings/$source_keyring-archive-keyring.gpg
SOURCES
  own_apt_get update --error-on=any && own_apt_get source --download-only caffe
}

# Says which release of the machine's distribution had the source package, and what the machine's own is called.
# Systems built on Ubuntu name the release of Ubuntu's that they are built on.
find_source() {
  codename=$(sed -n 's/^UBUNTU_CODENAME=//p' /etc/os-release)
  if [[ -n $codename ]]; then
    source_suite=focal source_component=universe source_keyring=ubuntu
  else
    codename=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
    source_suite=bullseye source_component=main source_keyring=debian
  fi
}

# The archives that this machine's apt takes its own release from.
machine_archives() {
  apt-get --print-uris update | sed -n "s|^'\(.*\)/dists/$codename/InRelease'.*|\1|p" | sort -u
}

# Leaves the checked source tarball in the cache.
fetch_tarball() {
  local archive archives codename source_suite source_component source_keyring
  find_source
  archives=$(machine_archives 2>> "$log" | xargs) || true
  mkdir -p "$work/apt/lists/partial" "$work/apt/cache/archives/partial" "$work/download"
  say "fetching the Caffe source package"
  for archive in $archives; do
    (cd "$work/download" && download_from "$archive") >> "$log" 2>&1 || continue
    has_expected_sha256 "$work/download/$tarball_name" \
      || die "$archive: $tarball_name has not the sha256 $tarball_sha256: try again, or set CAFFE_TARBALL=file"
    mv "$work/download/$tarball_name" "$cache/$tarball_name"
    return
  done
  die "cannot fetch source package caffe of $source_suite (tried: ${archives:-no archive known}):" \
    "check the network, or get $tarball_name elsewhere and set CAFFE_TARBALL=file; details: $log"
}

# Says why a step failed, with the last lines of its log, and ends.
build_failed() {
  if grep -q 'No space left on device' "$log"; then
    die "disk full while building Caffe: free $needed_mib MiB under $cache"
  fi
  tail -n 15 "$log" >&2
  die "$1; the whole log: $log"
}

prepare_source() {
  local patch_file
  mkdir "$work/source"
  tar -xf "$1" -C "$work/source" >> "$log" 2>&1 || build_failed "cannot unpack $1"
  cp -r "$caffe_files"/engine/* "$work/source/" >> "$log" 2>&1 || build_failed "cannot add the CPU engine"
  for patch_file in "$caffe_files"/patches/*.patch; do
    patch -d "$work/source" -p1 --forward --fuzz=0 < "$patch_file" >> "$log" 2>&1 \
      || build_failed "cannot apply ${patch_file##*/}"
  done
  [[ -z $cuda_on_cpu ]] || "$python" "$caffe_files/cuda_on_cpu/translate.py" "$work/source" >> "$log" 2>&1 \
    || build_failed "cannot translate the code for GPUs"
}

job_count() {
  local memory_gib cores
  memory_gib=$(awk '/^MemTotal/ {print int($2 / 1048576) + 1}' /proc/meminfo)
  cores=$(nproc)
  echo $((cores < memory_gib ? cores : memory_gib))
}

# Reads make's output; on a terminal shows how far it is.
show_progress() {
  local line
  while IFS= read -r line; do
    [[ -t 2 && $line =~ ^\[\ *([0-9]+)%\] ]] && printf '\r  %s%%' "${BASH_REMATCH[1]}" >&2
  done
  [[ ! -t 2 ]] || printf '\r      \r' >&2
}

# Configures the source, with more options of CMake's if given.
configure() {
  cmake -S "$work/source" -B "$work/build" -Wno-dev "${cmake_options[@]}" \
    -DPYTHON_EXECUTABLE="$python" \
    -DPYTHON_INCLUDE_DIR="$(python_config 'get_path("include")')" \
    -DPYTHON_LIBRARY="$(python_library)" "$@" \
    >> "$log" 2>&1 || build_failed "cmake cannot configure Caffe"
}

# Compiles the target $1.
compile() {
  nice make -C "$work/build" -j "$(job_count)" "$1" 2>&1 | tee -a "$log" | show_progress \
    || build_failed "Caffe does not compile"
}

python_config() { "$python" -c "import sysconfig; print(sysconfig.$1)"; }
python_library() { echo "$(python_config 'get_config_var("LIBDIR")')/$(python_config 'get_config_var("LDLIBRARY")')"; }

# Describes what code for GPUs the wheel has, one item a line; tools/caffe/cuda_on_cpu poses as a card of CUDA 13.
describe_gpu_part() {
  [[ -z $cuda ]] || describe_cuda
  [[ -z $cuda_on_cpu ]] || printf '%s\n' "nvcc 13.0, not used" "architectures 75"
}

# Describes the build for `colorgan.nets.runtime`, for users, and for wheel/setup.py.
describe_build() {
  "$python" - "$version" "$key" "$tarball_sha256" "${cmake_options[*]}" "$(describe_gpu_part)" \
    "$caffe_files"/patches/*.patch << 'PYTHON'
import json
import platform
import sys
from pathlib import Path

import numpy

version, key, source_sha256, options, cuda, *patches = sys.argv[1:]
record = {
    "version": version,
    "key": key,
    "cpu_only": not cuda,
    "cuda": dict(line.split(" ", 1) for line in cuda.splitlines()),
    "cmake_options": options.split(),
    "patches": [Path(patch).name for patch in patches],
    "source_sha256": source_sha256,
    "python": platform.python_version(),
    "numpy": numpy.__version__,
}
print(json.dumps(record, indent=2))
PYTHON
}

# Lays the package out and packs it; leaves the wheel in $work/wheel.
pack() {
  local package=$work/package/caffe
  mkdir -p "$package/proto" "$package/test" \
    && cp "$caffe_files/wheel/setup.py" "$work/source/LICENSE" "$work/package/" \
    && cp "$work"/source/python/caffe/*.py "$package/" \
    && cp "$work"/source/python/caffe/test/*.py "$package/test/" \
    && cp "$work/build/include/caffe/proto/caffe_pb2.py" "$package/proto/" \
    && touch "$package/proto/__init__.py" \
    && cp "$work/build/lib/_caffe.so" "$work/build/lib/libcaffe.so.1.0.0" "$package/" \
    && strip --strip-unneeded "$package"/*.so* \
    && describe_build > "$package/build.json" \
    && "$python" -m pip wheel --quiet --no-index --no-deps --no-build-isolation \
      --wheel-dir "$work/wheel" "$work/package"
}

# Ends the script where folder $1 has less than $2 MiB free for doing $3.
check_space() {
  local free_mib
  free_mib=$(df --output=avail -BM "$1" | tail -n 1 | tr -dc 0-9)
  ((free_mib >= $2)) || die "$1 has $free_mib MiB free, $3 needs $2"
}

# Leaves the patched source in $work/source.
get_source() {
  local tarball=$cache/$tarball_name
  check_space "$cache" "$needed_mib" "building Caffe"
  if [[ -n ${CAFFE_TARBALL:-} ]]; then
    tarball=$CAFFE_TARBALL
  elif ! has_expected_sha256 "$tarball"; then
    fetch_tarball
  fi
  prepare_source "$tarball"
}

build() {
  get_source
  say "building Caffe ${cuda:+with CUDA }(about $build_minutes minutes on 2 cores); log: $log"
  configure
  compile pycaffe
  pack >> "$log" 2>&1 || build_failed "cannot pack the wheel"
  rm -rf "${cache:?}/$key"
  mv "$work/wheel" "$cache/$key"
}

count_gpus() {
  PYTHONPATH=$root/python "$python" -c 'from colorgan.nets.cuda_driver import count_gpus; print(count_gpus())'
}

# Runs Caffe's tests of the pattern $1.
run_tests() {
  (cd "$work/source" && GLOG_minloglevel=2 LD_LIBRARY_PATH=$work/build/lib \
    "$work/build/test/test.testbin" --gtest_filter="$1") 2>&1 | tee -a "$log" \
    | grep -E '^\[  (PASSED|FAILED)'
}

# Caffe's tests are a program of its own, with the interpreter that libcaffe leaves out.
build_tests() {
  get_source
  say "building Caffe and its tests; log: $log"
  configure -DBUILD_only_tests="$checked_tests${cuda:+,$checked_cuda_tests}" \
    -DCMAKE_EXE_LINKER_FLAGS="-Wl,--no-as-needed $(python_library)"
  compile test.testbin
}

# Leaves the tests in the cache, with the data that those of the solvers read.
keep_tests() {
  local kept=$work/tests data=src/caffe/test/test_data
  build_tests
  mkdir -p "$kept/$data" \
    && cp "$work/build/test/test.testbin" "$work"/build/lib/libcaffe.so.* "$kept/" \
    && cp "$work/source/$data"/* "$kept/$data/" \
    && rm -rf "${cache:?}/$key-tests" && mv "$kept" "$cache/$key-tests" \
    || die "cannot keep Caffe's tests in $cache"
}

check() {
  local engine flags failed=0
  build_tests
  flags=$(grep -m 1 ^flags /proc/cpuinfo)
  for engine in stock avx2 avx512; do
    if [[ $engine != stock && $flags != *" $engine"* ]]; then
      say "$engine: not tested, this machine has none"
      continue
    fi
    say "Caffe's tests under CAFFE_CPU_ENGINE=$engine"
    CAFFE_CPU_ENGINE=$engine run_tests "-$gpu_tests" || failed=1
  done
  if [[ -n $cuda && $(count_gpus) == 0 ]]; then
    say "GPU: not tested, this machine has none"
  elif [[ -n $cuda ]]; then
    say "Caffe's tests on the GPU"
    run_tests "$gpu_tests" || failed=1
  fi
  ((failed == 0)) || die "Caffe's own tests fail; the whole log: $log"
}

cached_wheel() { compgen -G "$cache/$key/*.whl"; }

# Takes the cache for this process, and makes $work, which goes with it.
begin_work() {
  mkdir -p "$cache" 2> /dev/null || die "cannot write to $cache: set XDG_CACHE_HOME to a folder of yours"
  exec 9> "$cache/lock"
  hold 9 "another build of Caffe"
  : > "$log"
  rm -rf "$cache"/work.*  # what a killed build left
  work=$(mktemp -d "$cache/work.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  trap 'exit 130' INT TERM
}

# What is to be built, of the command line.
cuda='' cuda_on_cpu='' checking='' testing=''
read_options() {
  local option
  for option in "$@"; do
    case $option in
      --cuda) cuda=yes ;;
      --cuda-on-cpu) cuda_on_cpu=yes ;;
      --check) checking=yes ;;
      --tests) testing=yes ;;
      *) die "$option: no such option; --cuda builds with CUDA, --check runs Caffe's tests, --tests builds them" ;;
    esac
  done
  [[ -z $cuda_on_cpu || -z $cuda$checking$testing ]] || die "--cuda-on-cpu goes with no other option"
}

# Takes the CPU's or CUDA's part of what differs between the two.
choose_build() {
  local options
  if [[ -z $cuda ]]; then
    cmake_options+=(-DCPU_ONLY=ON)
    return
  fi
  find_cuda
  options=$(cuda_cmake_options)
  mapfile -t -O ${#cmake_options[@]} cmake_options <<< "$options"
  build_minutes=15
}

main() {
  [[ -z ${CAFFE_TARBALL:-} ]] || check_given_tarball
  read_options "$@"
  check_tools
  choose_build
  if [[ -n $checking ]]; then
    begin_work
    check
    return
  fi
  key=$(key_inputs | sha256sum | cut -c 1-16)
  if [[ -n $testing ]]; then
    [[ -d $cache/$key-tests ]] || { begin_work && keep_tests; }
    echo "$cache/$key-tests"
    return
  fi
  cached_wheel && return
  begin_work
  cached_wheel && return
  build
  cached_wheel
}

main "$@"
