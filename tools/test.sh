#!/usr/bin/env bash
# Sets the project up if need be, then runs its tests and its linter. Arguments go to pytest.
#
#   CELEBA=img_align_celeba.zip  test on these real faces (default: ../shared/celeba, if it is there)
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
bash tools/setup.sh
.venv/bin/ruff check .
.venv/bin/ruff format --check .
exec .venv/bin/python -m pytest "$@"
