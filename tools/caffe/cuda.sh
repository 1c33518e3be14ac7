# CUDA for tools/build_caffe.sh --cuda, which sources it: a toolkit, and what is to be built with it.
# Needs $root, $python, the caller's PATH in $caller_path, and say and die of common.sh.
# shellcheck shell=bash
# shellcheck disable=SC2154  # set by the sourcing script

oldest_cuda=11.8
oldest_cudnn=8
# Cards that there is machine code for, where the compiler knows them: GTX 10xx; V100; GTX 16xx and RTX
# 20xx; A100; RTX 30xx; RTX 40xx; H100; B200; RTX 50xx. Drivers of later ones compile the last one's PTX.
# CUDA_CARDS names others.
read -r -a cuda_cards <<< "${CUDA_CARDS:-61 70 75 80 86 89 90 100 120}"
packaged_mib=2400 # of disk that the pip packages take while they are installed; 1400 stay

# Finds the toolkit and cuDNN: CUDA_HOME's, else that of the nvcc on the caller's PATH, else pip packages.
# Sets cuda_home, nvcc, cudnn_root and cudnn_header.
find_cuda() {
  local found
  if [[ -n ${CUDA_HOME:-} ]]; then
    cuda_home=$(realpath -s "$CUDA_HOME")
    [[ -x $cuda_home/bin/nvcc ]] || die "CUDA_HOME=$CUDA_HOME has no bin/nvcc: not a CUDA toolkit"
    is_whole "$cuda_home" || die "CUDA_HOME=$CUDA_HOME lacks cuBLAS or cuRAND: install the whole toolkit"
    find_cudnn
  elif found=$(PATH=$caller_path command -v nvcc) && cuda_home=$(toolkit_of "$found") && is_whole "$cuda_home"; then
    find_cudnn
  else
    [[ -z $found ]] || say "$found has no cuBLAS or cuRAND beside it; pip packages are used instead"
    packaged_cuda
  fi
  nvcc=$cuda_home/bin/nvcc
  at_least $oldest_cuda "$(nvcc_version)" \
    || die "CUDA $(nvcc_version) of $cuda_home is too old: Caffe needs $oldest_cuda or later"
  at_least $oldest_cudnn "$(cudnn_version)" \
    || die "cuDNN $(cudnn_version) of $cudnn_header is too old: Caffe needs $oldest_cudnn or later"
  [[ -n $(architectures) ]] \
    || die "CUDA_CARDS=$CUDA_CARDS: CUDA $(nvcc_version) and cuDNN $(cudnn_version) know none of these, such as 75 or 90"
}

at_least() { [[ $(printf '%s\n' "$@" | sort --version-sort | head -n 1) == "$1" ]]; }

# Prints the folder of the toolkit that the nvcc $1, which may be a link or a script, belongs to. Debian's
# does not name it: it lies in /usr.
toolkit_of() {
  local top
  top=$("$1" --dryrun -x cu /dev/null 2>&1 | sed -n 's/^#\$ TOP=//p')
  realpath -e "${top:-$(dirname "$1")/..}"
}

is_whole() { [[ -e $1/include/cublas_v2.h && -e $1/include/curand.h ]]; }

# cuDNN comes with the toolkit, as Debian packages, or lies where CUDNN_ROOT says.
find_cudnn() {
  local folder folders=("$cuda_home/include" /usr/include{,/*-linux-gnu})
  [[ -z ${CUDNN_ROOT:-} ]] || folders=("$CUDNN_ROOT/include")
  cudnn_root=${CUDNN_ROOT:-$cuda_home}
  for folder in "${folders[@]}"; do
    cudnn_header=$folder/cudnn_version.h
    [[ ! -e $cudnn_header ]] || return 0
  done
  die "no cuDNN in ${folders[*]}: install it, or set CUDNN_ROOT to the folder of its include and lib"
}

# Takes the packages of requirements-cuda.txt, which it installs where the cache has them not.
packaged_cuda() {
  local requirements=$root/requirements-cuda.txt cache=${XDG_CACHE_HOME:-$HOME/.cache}/colorgan/cuda folder
  folder=$cache/$(sha256sum "$requirements" | cut -c 1-16)
  mkdir -p "$cache" 2> /dev/null || die "cannot write to $cache: set XDG_CACHE_HOME to a folder of yours"
  exec 7> "$cache/lock"
  hold 7 "another installation of CUDA"
  [[ -d $folder ]] || install_packaged_cuda "$requirements" "$folder"
  exec 7>&-
  cuda_home=$folder/nvidia/cu13 cudnn_root=$folder/nvidia/cudnn
  cudnn_header=$cudnn_root/include/cudnn_version.h
}

install_packaged_cuda() {
  local part=$2.part library output
  say "installing a CUDA compiler and libraries from pip packages (900 MB to fetch)"
  check_space "$(dirname "$2")" $packaged_mib "installing CUDA"
  rm -rf "$part" # what a killed installation left
  output=$("$python" -m pip --disable-pip-version-check install --quiet --no-cache-dir --no-deps \
    --target "$part" -r "$1" 2>&1) \
    || die "pip: $(grep -i '^error' <<< "$output" | tail -n 1) (check the network, or set CUDA_HOME to a CUDA toolkit)"
  # The packages are made for running programs: the names that linkers ask for are missing.
  ln -s lib "$part/nvidia/cu13/lib64"
  for library in "$part"/nvidia/{cu13,cudnn}/lib/lib*.so.*; do
    ln -s "${library##*/}" "${library%%.so.*}.so"
  done
  mv "$part" "$2"
}

nvcc_version() { "$nvcc" --version | sed -n 's/^.*, V//p'; }
cudnn_version() { header_version "$cudnn_header" CUDNN_{MAJOR,MINOR,PATCHLEVEL}; }

# Prints the version that header $1 spells in macros, of the names that follow.
header_version() {
  local header=$1 name
  shift
  for name in "$@"; do sed -n "s/^#define $name *\([0-9]*\).*/\1/p" "$header"; done | paste -s -d .
}

# Prints those of cuda_cards that the compiler and cuDNN know, with commas.
architectures() {
  local card known oldest=0
  known=$("$nvcc" --list-gpu-code | xargs)
  ! at_least 9.11 "$(cudnn_version)" || oldest=75
  for card in "${cuda_cards[@]}"; do
    [[ " $known " != *" sm_$card "* ]] || ((card < oldest)) || echo "$card"
  done | paste -s -d ,
}

# Prints the first of Debian's C++ compilers that nvcc works with: CUDA 11.8 takes none after g++ 11.
host_compiler() {
  local compiler
  for compiler in /usr/bin/g++ /usr/bin/g++-11; do
    if "$nvcc" -ccbin "$compiler" -x cu -E /dev/null > /dev/null 2>&1; then
      echo "$compiler"
      return
    fi
  done
  die "CUDA $(nvcc_version) does not work with g++ $(g++ -dumpfullversion): install g++-11, or a later CUDA"
}

# Describes what a wheel is built with, one item a line, for its key and for users.
describe_cuda() {
  echo "nvcc $(nvcc_version)"
  echo "architectures $(architectures)"
  echo "cublas $(header_version "$cuda_home/include/cublas_api.h" CUBLAS_VER_{MAJOR,MINOR,PATCH,BUILD})"
  echo "curand $(header_version "$cuda_home/include/curand.h" CURAND_VER_{MAJOR,MINOR,PATCH,BUILD})"
  echo "cudnn $(cudnn_version)"
  echo "folders $cuda_home $cudnn_root"
}

# Prints CMake's options, one a line.
cuda_cmake_options() {
  local cards compiler
  cards=$(architectures)
  compiler=$(host_compiler)
  printf '%s\n' "-DCUDA_TOOLKIT_ROOT_DIR=$cuda_home" "-DCUDNN_ROOT=$cudnn_root" \
    "-DCUDA_HOST_COMPILER=$compiler" \
    -DCUDA_ARCH_NAME=Manual "-DCUDA_ARCH_BIN=$cards" "-DCUDA_ARCH_PTX=${cards##*,}"
}
