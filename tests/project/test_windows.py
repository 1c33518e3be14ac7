"""Photos are coloured on Windows, too; `tools/check_windows.sh` does it."""

import os
import re
import subprocess
import sys

from colorgan.places import ROOT

COMMANDS = ("colorize", "demo")
# `sharing` says itself that it does not work on Windows; only packing calls the other.
ELSEWHERE = {"sharing", "faces/celeba/aligned"}


def test_coloring_calls_nothing_that_windows_lacks() -> None:
    """mypy knows what Python's own modules have on which system."""
    options = ("--platform", "win32", "--no-site-packages", "--ignore-missing-imports")
    files = [f"python/colorgan/commands/{name}.py" for name in COMMANDS]
    command = [sys.executable, "-m", "mypy", *options, "--cache-dir", os.devnull, *files]
    checked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    lacking = re.findall(
        r"(?m)^python/colorgan/(.+)\.py:.*: Module has no attribute .*", checked.stdout
    )
    assert set(lacking) == ELSEWHERE, checked.stdout + checked.stderr
