"""The type hints are true, as far as mypy can tell; pyproject.toml says what it checks."""

import os
import subprocess
import sys

from colorgan.places import ROOT


def test_mypy_finds_no_hint_that_is_wrong() -> None:
    """Its cache stays in the clone, if that may be written to: a second run takes a second."""
    cache = ".mypy_cache" if os.access(ROOT, os.W_OK) else os.devnull
    command = [sys.executable, "-m", "mypy", "--cache-dir", cache]
    checked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
