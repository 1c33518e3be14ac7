#!/usr/bin/env bash
# Sets the project up if need be, then runs its tests and its linter. Arguments go to pytest.
#
#   CELEBA=path  test on CelebA, as tools/reproduce.sh takes it (default: ../shared/celeba, if it is there)
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@" # as with `sh tools/test.sh`
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=tools/caffe/common.sh
source "$root/tools/caffe/common.sh"
unset PYTHONHOME PYTHONPATH # another Caffe, say, for other programs
[[ -z ${CELEBA:-} ]] || CELEBA=$(realpath -e -- "$CELEBA" 2> /dev/null) || die "CELEBA: no such file or folder"
cd "$root"
bash tools/setup.sh
.venv/bin/ruff check .
.venv/bin/ruff format --check .
# Two processes more than there are cores: many tests wait, for a signal, a server or a browser.
processes=$(($(nproc) < 4 ? $(nproc) + 2 : 6)) # nproc goes by OMP_NUM_THREADS, too
# Files of tests run side by side, each in one process, so each process computes with one thread.
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}
export OMP_WAIT_POLICY=passive # those that use several must not spin on the other processes' cores
unset PYTHONDONTWRITEBYTECODE # the programs that tests start need not be compiled each time
export OPENCV_FOR_THREADS_NUM=${OPENCV_FOR_THREADS_NUM:-1}
exec .venv/bin/python -m pytest -n "$processes" --dist loadfile --no-loadscope-reorder "$@"
