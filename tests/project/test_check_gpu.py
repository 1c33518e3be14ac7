"""tools/check_gpu.sh: what it refuses, and that a part that fails is told and the others run on."""

import os
import subprocess
import sys
from pathlib import Path

from colorgan.nets.cuda_driver import count_gpus
from conftest import ROOT


def check_gpu(*options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "tools/check_gpu.sh", *options],
        cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_an_unknown_option_is_named() -> None:
    ended = check_gpu("--build")
    assert ended.returncode == 2
    assert ended.stderr == "check_gpu.sh: error: --build: unknown; the one option is --built\n"


def test_every_part_that_fails_is_reported_and_the_next_one_begins(tmp_path: Path) -> None:
    out = tmp_path / "out"
    absent = str(count_gpus())  # the number of no card
    ended = check_gpu("--built", GPU=absent, OUT=str(out), PYTHON=sys.executable)
    assert ended.returncode == 1
    told = (out / "page.txt").read_text().splitlines()
    parts = [line.partition(":")[0] for line in told if not line.startswith(" ")]
    assert parts == ["device", "tests", "layers", "benchmark", "main_job"]
    # Beside other work a part may take longer than it is given: it is stopped, and that is told.
    ends = [line.partition(": ")[2].split()[0] for line in told if not line.startswith(" ")]
    assert set(ends) <= {"failed", "stopped"}
