# Shared by the scripts of tools/, which source it. Needs $root, the project's folder.
# shellcheck shell=bash
# shellcheck disable=SC2154  # root is set by the sourcing script

say() { printf '%s\n' "$*" >&2; }

# Ends the script the way every program of the project ends on bad input: one line, exit code 2.
die() {
  say "${0##*/}: error: $*"
  exit 2
}

# Keeps the open file $1 from other processes until it is closed, and waits where one has it: $2 is running.
hold() {
  local error code=0 taken=75
  error=$(flock --nonblock --conflict-exit-code $taken "$1" 2>&1) || code=$?
  case $code in
    0) return ;;
    "$taken") say "$2 is running; waiting for it" && flock "$1" && return ;;
    127) die "flock not found: apt-get install util-linux" ;;
  esac
  say "no locks on this file system (${error##*: }): see to it that nothing else sets the project up"
}

# Caffe's tests that need a GPU. Of tests that run on more than one device, numbers 2 and 3 are those on the GPU;
# CommonTest leaves GPU mode on.
gpu_tests='*GPU*:*CuDNN*:*/2.*:*/3.*:CommonTest*:Im2colKernelTest*:PlatformTest*'

listed_packages() { grep -Ev '^(#|$)' "$root/tools/caffe/apt-packages.txt"; }

# Prints the Debian packages of the list that this machine lacks, one a line.
missing_packages() {
  local tool package
  for tool in apt-get dpkg-query; do
    command -v $tool > /dev/null || die "$tool not found, needed for the packages of tools/caffe/apt-packages.txt:" \
      "a container of Debian 13 has all"
  done
  for package in $(listed_packages); do
    [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2> /dev/null) == installed ]] || echo "$package"
  done
}

# Prints the checksums of the CPU engine's files.
engine_sums() { (cd "$root/tools/caffe" && find engine -type f | LC_ALL=C sort | xargs sha256sum); }
