"""`colorgan bench-lmdb`: what it prints, and that Ctrl-C ends it."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from programs import alive, below, wait_until

Run = Callable[..., subprocess.CompletedProcess[str]]
WORKERS = 40


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fifty pictures of CelebA's size, of nothing."""
    folder = tmp_path_factory.mktemp("images")
    noise = np.random.default_rng(3).integers(0, 256, (218, 178, 3), np.uint8)
    for number in range(1, 51):
        cv2.imwrite(f"{folder}/{number:06d}.jpg", noise)
    return folder


def test_what_is_measured_is_printed_as_shares_of_the_plain_rate(run: Run, images: Path) -> None:
    done = run("bench-lmdb", "--images", images, "--workers", 2, "--rounds", 1)
    assert done.returncode == 0, done.stderr
    first, _, heading, plain, *others = done.stdout.splitlines()
    assert heading == "medians of 1 rounds, 50 images, 2 workers"
    base, *rates = (int(rate) for rate in re.findall(r"(\d+)/s", first))
    assert plain.endswith(f": {base} images/s")
    for rate, line in zip(rates, others, strict=True):
        assert f": {rate} images/s, " in line
        share = float(re.search(r"([\d.]+) x workers", line)[1])
        assert share == pytest.approx(rate / (2 * base), abs=0.01)


def test_ctrl_c_ends_it_with_all_its_processes_in_one_line(images: Path) -> None:
    words = ("bench-lmdb", "--images", images, "--workers", WORKERS, "--rounds", 1000)
    command = [sys.executable, "-m", "colorgan", *map(str, words)]
    pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, start_new_session=True, text=True, **pipes) as started:
        wait_until(lambda: len(below(started.pid)) >= WORKERS // 2)  # plain ones, all at once
        children = below(started.pid)
        os.killpg(started.pid, signal.SIGINT)
        _, complaint = started.communicate(timeout=60)
    assert (started.returncode, complaint) == (130, "colorgan bench-lmdb: interrupted\n")
    wait_until(lambda: not any(map(alive, children)))
