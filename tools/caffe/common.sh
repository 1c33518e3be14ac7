# Shared by tools/setup.sh and tools/build_caffe.sh, which source it. Needs $root, the project's folder.
# shellcheck shell=bash
# shellcheck disable=SC2154  # root is set by the sourcing script

say() { printf '%s\n' "$*" >&2; }

# Ends the script the way every program of the project ends on bad input: one line, exit code 2.
die() {
  say "${0##*/}: error: $*"
  exit 2
}

listed_packages() { grep -Ev '^(#|$)' "$root/tools/caffe/apt-packages.txt"; }

# Prints the Debian packages of the list that this machine lacks, one a line.
missing_packages() {
  local tool package
  for tool in apt-get dpkg-query; do
    command -v $tool > /dev/null || die "$tool not found, needed for the packages of tools/caffe/apt-packages.txt:" \
      "a container of Debian 12 or 13 has all"
  done
  for package in $(listed_packages); do
    [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2> /dev/null) == installed ]] || echo "$package"
  done
}

# Prints the checksums of the CPU engine's files.
engine_sums() { (cd "$root/tools/caffe" && find engine -type f | LC_ALL=C sort | xargs sha256sum); }
