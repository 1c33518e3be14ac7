"""`colorgan build-lmdb` against one process that only decodes, crops and resizes.

They take turns, so that other load on the machine meets both. The plain process has all files in
memory before its clock starts. The build is timed twice: at work, as its progress bar tells, from
the first image that is asked for to the last that is written; and as a whole command, with Python's
and Caffe's start, the search for images, the wait for the disk and the manifest. As many plain
processes at once as the build has workers show what the machine's cores can give together.
"""

import re
import signal
import subprocess
import sys
import tempfile
import time
from multiprocessing import get_context
from pathlib import Path
from statistics import median

import cv2
import numpy as np

from colorgan.errors import UserError
from colorgan.faces.celeba.aligned import CROP_LEFT, CROP_SIDE, CROP_TOP, aligned_image
from colorgan.faces.celeba.images import ImageReader, open_source
from colorgan.faces.workers import interrupts_held_back

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
    """Return images a second of several such loops that run at once and share the images."""
    fork = get_context("fork")
    shares = [files[at::processes] for at in range(min(processes, len(files)))]
    started = fork.Lock()

    def loop(share: list[bytes]) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)  # ends it even where it waits for the lock
        with started:
            pass
        plain_rate(share, size)

    # As daemons they end with this process, which alone gets Ctrl-C.
    loops = [fork.Process(target=loop, args=(share,), daemon=True) for share in shares]
    with interrupts_held_back(), started:
        for process in loops:
            process.start()
    start = time.perf_counter()
    for process in loops:
        process.join()
    return len(files) / (time.perf_counter() - start)


def build_rates(images: Path, numbers: list[int], size: int, workers: int) -> tuple[float, float]:
    """Return images a second of one build of all images: at work, and as a whole command."""
    count = len(numbers)
    with tempfile.TemporaryDirectory() as folder:
        partition, out = Path(folder, "list.txt"), Path(folder, "out")
        training = "".join(f"{number:06d}.jpg 0\n" for number in numbers[:-1])
        partition.write_text(f"{training}{numbers[-1]:06d}.jpg 2\n")
        command = [sys.executable, "-m", "colorgan", "build-lmdb", "--images", images]
        command += ["--partition", partition, "--out", out]
        command += ["--train-count", str(count - 1), "--test-count", "1"]
        command += ["--size", str(size), "--workers", str(workers)]
        start = time.perf_counter()
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode:
            raise UserError((done.stderr.splitlines() or ["build-lmdb: failed"])[-1])
        whole = count / (time.perf_counter() - start)
    return float(re.findall(r"([\d.]+) images/s", done.stderr)[-1]), whole


def take_turns(images: Path, size: int, workers: int, rounds: int) -> None:
    """Have both sides take turns, and print each round and the medians."""
    source = open_source(images)
    numbers = source.index["number"].tolist()
    if len(numbers) < 2:
        raise UserError(
            f"{images}: holds {len(numbers)} images, but two are needed, to train and to test"
        )
    with ImageReader(source.containers) as reader:
        files = [reader.read(entry) for entry in source.index.tolist()]
    for number, data in zip(numbers, files, strict=True):
        aligned_image(data, f"{images}: image {number:06d}")
    plain, joint, at_work, whole = [], [], [], []
    for _ in range(rounds):
        plain.append(plain_rate(files, size))
        for rates, rate in zip(
            (at_work, whole), build_rates(images, numbers, size, workers), strict=True
        ):
            rates.append(rate)
        joint.append(joint_plain_rate(files, size, workers))
        print(
            f"plain {plain[-1]:.0f}/s, {workers} at once {joint[-1]:.0f}/s, "
            f"build {at_work[-1]:.0f}/s at work, {whole[-1]:.0f}/s as a whole",
            flush=True,
        )
    print(f"\nmedians of {rounds} rounds, {len(files)} images, {workers} workers")
    print(f"one process that only decodes, crops, resizes: {median(plain):.0f} images/s")
    for label, rates in (
        (f"{workers} such processes at once", joint),
        ("build at work", at_work),
        ("build as a whole command", whole),
    ):
        ratio = median(rate / (workers * base) for rate, base in zip(rates, plain, strict=True))
        print(
            f"{label}: {median(rates):.0f} images/s, {ratio:.2f} x workers x the plain rate; "
            f"{FULL_CELEBA} images would take {FULL_CELEBA / median(rates):.0f} s"
        )
