#!/usr/bin/env python3
"""Measure tools/build_lmdb.py against one process that only decodes, crops and resizes.

They take turns, so that other load on the machine meets both. The plain process has all files in
memory before its clock starts. The build is timed as a whole command: start of Python, search for
images, workers, checksum, the synced LMDBs and the manifest. As many plain processes at once as
the build has workers show what the machine's cores can give together.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from multiprocessing import get_context
from pathlib import Path
from statistics import median

import cv2
import numpy as np

from colorgan.celeba import CROP_LEFT, CROP_SIDE, CROP_TOP, open_reader, open_source
from colorgan.errors import run_program

BUILD = Path(__file__).with_name("build_lmdb.py")
FULL_CELEBA = 202_599


def plain_rate(files: list[bytes], size: int) -> float:
    """Return images a second of one single-threaded loop around cv2."""
    cv2.setNumThreads(1)
    start = time.perf_counter()
    for data in files:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        crop = image[CROP_TOP : CROP_TOP + CROP_SIDE, CROP_LEFT : CROP_LEFT + CROP_SIDE]
        cv2.resize(crop, (size, size), interpolation=cv2.INTER_AREA)
    return len(files) / (time.perf_counter() - start)


def joint_plain_rate(files: list[bytes], size: int, processes: int) -> float:
    """Return images a second of several such loops at once, all together."""
    fork = get_context("fork")
    loops = [fork.Process(target=plain_rate, args=(files, size)) for _ in range(processes)]
    start = time.perf_counter()
    for loop in loops:
        loop.start()
    for loop in loops:
        loop.join()
    return processes * len(files) / (time.perf_counter() - start)


def build_seconds(images: Path, count: int, size: int, workers: int) -> float:
    """Return the seconds of one whole build of `count` images."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, BUILD, "--images", images, "--out", Path(folder, "out")]
        command += ["--train-count", str(count - 1), "--test-count", "1"]
        command += ["--size", str(size), "--workers", str(workers)]
        start = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        return time.perf_counter() - start


def main() -> None:
    """Take turns and print the medians."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--images", type=Path, required=True, metavar="DIR_OR_ZIP")
    parser.add_argument("--size", type=int, default=64, metavar="PIXELS")
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)), metavar="N")
    parser.add_argument("--rounds", type=int, default=5, metavar="N")
    arguments = parser.parse_args()

    source = open_source(arguments.images)
    with open_reader(source.path) as reader:
        files = [reader.read(entry) for entry in source.index.tolist()]
    few = max(2, len(files) // 10)  # a tenth tells the fixed cost of a build from the rest
    size, workers = arguments.size, arguments.workers
    plain, joint, whole, steady = [], [], [], []
    for _ in range(arguments.rounds):
        plain.append(plain_rate(files, size))
        long = build_seconds(source.path, len(files), size, workers)
        joint.append(joint_plain_rate(files, size, workers))
        short = build_seconds(source.path, few, size, workers)
        whole.append(len(files) / long)
        steady.append((len(files) - few) / (long - short))
        print(f"plain {plain[-1]:.0f}/s, {workers} at once {joint[-1]:.0f}/s, build "
              f"{whole[-1]:.0f}/s ({long:.2f} s), without its fixed cost {steady[-1]:.0f}/s",
              flush=True)  # fmt: skip
    print(f"\nmedians of {arguments.rounds} rounds, {len(files)} images, {workers} workers")
    print(f"one process that only decodes, crops, resizes: {median(plain):.0f} images/s")
    for label, rates in (
        (f"{workers} such processes at once", joint),
        ("whole build", whole),
        ("build without its fixed cost", steady),
    ):
        ratio = median(rate / (workers * base) for rate, base in zip(rates, plain, strict=True))
        print(f"{label}: {median(rates):.0f} images/s, {ratio:.2f} x workers x the plain rate; "
              f"{FULL_CELEBA} images would take {FULL_CELEBA / median(rates):.0f} s")  # fmt: skip


if __name__ == "__main__":
    sys.exit(run_program(main))
