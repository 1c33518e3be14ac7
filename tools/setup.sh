#!/usr/bin/env bash
# Sets the project up: Debian packages, .venv with pinned Python packages, Caffe, the project.
# Safe to run again, and quick when there is nothing left to do.
#
# Needs apt and dpkg, the packages of tools/caffe/apt-packages.txt, which it installs where they are missing, and
# 3.11 to 3.14 as the system's Python: Debian 12 or 13, Ubuntu 24.04 or 26.04.
#
#   CUDA=1   Caffe with CUDA, which needs no GPU to be built (tools/build_caffe.sh says where CUDA comes
#            from); to be set for every program that sets the project up, or Caffe is the CPU's again
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@" # as with `sh tools/setup.sh`
set -euo pipefail
shopt -s inherit_errexit

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=tools/caffe/common.sh
source "$root/tools/caffe/common.sh"

system_python=/usr/bin/python3
venv=$root/.venv
stamp=$venv/.setup-stamp

# A container image has a .venv that is finished, and not what it takes to make another.
[[ ! -e $venv/.image ]] || exit 0

# What a finished set-up depends on; .venv holds absolute paths, so the folder counts as well.
stamp_inputs() {
  echo "$root"
  "$system_python" --version
  (cd "$root" && sha256sum requirements.txt requirements-dev.txt pyproject.toml setup.py tools/setup.sh \
    tools/build_caffe.sh tools/caffe/*.* tools/caffe/patches/*.patch tools/caffe/wheel/setup.py)
  engine_sums
  [[ -z ${CUDA:-} ]] || echo "CUDA ${CUDA_HOME:-} ${CUDNN_ROOT:-} ${CUDA_CARDS:-} $(sha256sum < "$root/requirements-cuda.txt")"
}

# Once there is a Python: before packages are installed in vain, and after one has come with them.
check_python() {
  local version
  [[ -x $system_python ]] || return 0
  version=$("$system_python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
  [[ $version == 3.1[1234] ]] \
    || die "$system_python is $version, but 3.11 to 3.14 is needed: a container of Debian 13 has it"
}

# Runs apt-get as root, and again for up to ten minutes while another one, like the daily one, has its locks.
apt_get() {
  local errors deadline=$((SECONDS + 600)) waiting=
  until errors=$("${run_as_root[@]}" env LC_ALL=C DEBIAN_FRONTEND=noninteractive nice apt-get -qq "$@" 2>&1 > /dev/null); do
    if [[ $errors != *"Could not get lock"* ]] || ((SECONDS >= deadline)); then
      say "$errors"
      return 1
    fi
    [[ -n $waiting ]] || say "another apt-get is running; waiting for it"
    waiting=1
    sleep 1
  done
}

install_packages() {
  local packages run_as_root=()
  packages=$(missing_packages | xargs)
  [[ -n $packages ]] || return 0
  if [[ $(id -u) != 0 ]]; then
    command -v sudo > /dev/null || die "run as root first: apt-get install $packages"
    run_as_root=(sudo)
  fi
  say "installing Debian packages: $packages"
  # shellcheck disable=SC2086
  { apt_get update && apt_get install --no-install-recommends $packages; } \
    || die "cannot install Debian packages; by hand, as root: apt-get install $packages"
}

venv_is_sound() {
  [[ $("$venv/bin/python" -c 'import pip, sys; print(sys.base_prefix)' 2> /dev/null) == /usr ]]
}

# Installs with .venv's pip; if that fails, pip's own last error line is shown, or else its last line, as of a traceback.
# Where from and how is up to the user's settings, such as a proxy, but not where to.
pip_install() {
  local output error
  output=$(PIP_USER=0 PIP_REQUIRE_HASHES=0 "$venv/bin/python" -m pip --disable-pip-version-check \
    install --target= "$@" 2>&1) && return
  error=$(grep -i '^error' <<< "$output" | tail -n 1) || true
  [[ -n $error && $error != *Exception: ]] || error=$(tail -n 1 <<< "$output")
  die "pip: $error (check the network and the disk, run again)"
}

install_python_packages() {
  if ! venv_is_sound; then
    say "making .venv from $system_python"
    "$system_python" -m venv --clear "$venv" > /dev/null || die "cannot make $venv"
  fi
  say "installing pinned Python packages"
  # The files name everything that is needed.
  pip_install --no-deps -r "$root/requirements.txt" -r "$root/requirements-dev.txt"
}

# The key of the Caffe build that .venv holds, if any.
installed_key() {
  "$venv/bin/python" - 2> /dev/null << 'PYTHON' || true
import importlib.util
import json
from pathlib import Path

caffe = Path(importlib.util.find_spec("caffe").origin).parent
print(json.loads((caffe / "build.json").read_text())["key"])
PYTHON
}

# Whether Caffe finds the libraries that it was linked with: CUDA's may be gone.
caffe_is_whole() {
  [[ $(ldd "$venv"/lib/python3*/site-packages/caffe/*.so* 2>&1) != *"not found"* ]]
}

install_caffe() {
  local wheel
  wheel=$("$root/tools/build_caffe.sh" ${CUDA:+--cuda}) || exit $?
  [[ $(installed_key) == "$(basename "$(dirname "$wheel")")" ]] \
    || pip_install --no-index --no-deps --force-reinstall "$wheel"
  "$venv/bin/python" -c "import caffe" >&2 || die "Caffe was built, but cannot be imported"
}

main() {
  export LC_ALL=C.UTF-8 # so that setuptools can write the folder's name
  unset PYTHONHOME PYTHONPATH PYTHONWARNINGS
  [[ -n ${HOME:-} ]] || { unset HOME && export HOME=~; } # as under cron; Caffe's wheel is kept there
  [[ -w $root ]] || die "cannot write to $root"
  [[ ${CUDA:-1} == 1 ]] || die "CUDA=$CUDA: must be 1, or not set"
  exec 8> "$root/.setup.lock" # for writing, or NFS has no lock that other machines know
  hold 8 "another set-up"     # two at once would share one .venv
  check_python
  install_packages
  check_python
  local inputs
  inputs=$(stamp_inputs)
  if [[ -f $stamp && $(< "$stamp") == "$inputs" ]] && venv_is_sound && caffe_is_whole; then
    return
  fi
  rm -f "$stamp"
  install_python_packages
  install_caffe
  pip_install --no-index --no-deps --no-build-isolation --editable "$root"
  # Python reads this file by the locale, and under LC_ALL=C would not start if the folder's name had an accent.
  echo ../../../../python > "$(echo "$venv"/lib/python3*/site-packages/__editable__.colorgan-*.pth)"
  printf '%s\n' "$inputs" > "$stamp"
  say "set-up is done: $venv"
}

main
