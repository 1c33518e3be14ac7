"""The type hints are true, as far as mypy can tell; pyproject.toml says what it checks."""

import subprocess
import sys

from colorgan.places import ROOT


def test_mypy_finds_no_hint_that_is_wrong() -> None:
    """Its cache stays in the clone: with it, a second run takes a second."""
    command = [sys.executable, "-m", "mypy"]
    checked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
