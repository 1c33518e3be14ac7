"""How fast `colorgan build-lmdb` is, beside one process that only decodes, crops and resizes.

The two take turns, so that other load on the machine affects both. The plain process has all files
in memory before its clock starts. The build is timed twice: at work, from the first image to the
last, as its progress bar shows; and as a whole command, which adds the start of Python and Caffe,
the search for images, the wait for the disk, and the manifest. As many plain processes as the build
has workers also run at once: they show what the cores can do together.
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
    """Images per second of a loop around cv2, with one thread."""
    cv2.setNumThreads(1)
    start = time.perf_counter()
    for data in files:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        crop = image[CROP_TOP : CROP_TOP + CROP_SIDE, CROP_LEFT : CROP_LEFT + CROP_SIDE]
        cv2.resize(crop, (size, size), interpolation=cv2.INTER_AREA)
    return len(files) / (time.perf_counter() - start)


def joint_plain_rate(files: list[bytes], size: int, processes: int) -> float:
    """Images per second of several such loops, which run at once and share the images."""
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
    """Images per second of one build of all images: at work, and as a whole command."""
    count = len(numbers)
    with tempfile.TemporaryDirectory() as folder:
        partition, out = Path(folder, "list.txt"), Path(folder, "out")
        training = "".join(f"{number:06d}.jpg 0\n" for number in numbers[:-1])
        partition.write_text(f"{training}{numbers[-1]:06d}.jpg 2\n")
        command = [sys.executable, "-m", "colorgan", "build-lmdb", "--images", str(images)]
        command += ["--partition", str(partition), "--out", str(out)]
        command += ["--train-count", str(count - 1), "--test-count", "1"]
        command += ["--size", str(size), "--workers", str(workers)]
        start = time.perf_counter()
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode:
            raise UserError((done.stderr.splitlines() or ["build-lmdb: failed"])[-1])
        whole = count / (time.perf_counter() - start)
    return float(re.findall(r"([\d.]+) images/s", done.stderr)[-1]), whole


def measure_round(
    images: Path, numbers: list[int], files: list[bytes], size: int, workers: int
) -> dict[str, float]:
    """Images per second of each side, once; `numbers` and `files` are those of `images`."""
    plain = plain_rate(files, size)
    at_work, whole = build_rates(images, numbers, size, workers)
    joint = joint_plain_rate(files, size, workers)
    return {"plain": plain, "joint": joint, "at work": at_work, "whole": whole}


def report(rounds: list[dict[str, float]], count: int, workers: int) -> str:
    """The medians over the rounds, as text. There were `count` images."""
    plain = median(rates["plain"] for rates in rounds)
    lines = [
        f"medians of {len(rounds)} rounds, {count} images, {workers} workers",
        f"one process that only decodes, crops, resizes: {plain:.0f} images/s",
    ]
    for side, name in (
        ("joint", f"{workers} such processes at once"),
        ("at work", "build at work"),
        ("whole", "build as a whole command"),
    ):
        rate = median(rates[side] for rates in rounds)
        ratio = median(rates[side] / (workers * rates["plain"]) for rates in rounds)
        lines.append(
            f"{name}: {rate:.0f} images/s, {ratio:.2f} x workers x the plain rate; "
            f"{FULL_CELEBA} images would take {FULL_CELEBA / rate:.0f} s"
        )
    return "\n".join(lines)


def take_turns(images: Path, size: int, workers: int, rounds: int) -> None:
    """Let both sides take turns, and print each round and the medians."""
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
    measured = []
    for _ in range(rounds):
        rates = measure_round(images, numbers, files, size, workers)
        measured.append(rates)
        print(
            f"plain {rates['plain']:.0f}/s, {workers} at once {rates['joint']:.0f}/s, "
            f"build {rates['at work']:.0f}/s at work, {rates['whole']:.0f}/s as a whole",
            flush=True,
        )
    print(f"\n{report(measured, len(files), workers)}")
