"""Has the sides agree first, and then take turns, each in a process of its own."""

import ctypes
import signal
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from functools import partial
from multiprocessing import get_context
from typing import Any

import numpy as np

from colorgan.benchmarks.training.job import Job
from colorgan.benchmarks.training.sides import MATRIX_SIDE, CaffeSide, MatrixProduct, Outputs
from colorgan.benchmarks.training.torch_side import TorchSide
from colorgan.errors import UserError

CHECKED_ITERATIONS = 3
# Of a relative difference. The first losses differ by 1e-7; Adam's first steps go by the gradients'
# signs, and so enlarge what is rounded about zero. A rate wrong by a tenth would be beyond it.
TOLERANCE = 1e-3
SPIN_SECONDS = 0.2  # OpenBLAS's and OpenMP's threads keep the cores for a while after their work
PRODUCT = "matrix-product"
PR_SET_PDEATHSIG = 1  # of linux/prctl.h

SIDES = {
    "stock": partial(CaffeSide, engine="stock"),
    "ours": CaffeSide,
    "pytorch-nchw": partial(TorchSide, "contiguous_format"),
    "pytorch-channels-last": partial(TorchSide, "channels_last"),
    PRODUCT: MatrixProduct,
}


class Child:
    """A side in its process, which works only while it is asked something."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._pool = ProcessPoolExecutor(1, get_context("spawn"), start_side, (name,))
        self.end = self._pool.shutdown

    def ask(self, method: str, argument: Any) -> Any:
        """Call a method of the side; UserError where its process dies, which is Caffe's way."""
        time.sleep(SPIN_SECONDS)
        try:
            return self._pool.submit(ask_side, method, argument).result()
        except BrokenProcessPool:
            raise UserError(f"{self.name}: its process died; was there memory enough?") from None


def start_side(name: str) -> None:
    """The begin of a child: make it the side of that name."""
    global side
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent takes Ctrl-C, and ends its children
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # nor do they outlive a killed one
    side = SIDES[name]()


def ask_side(method: str, argument: Any) -> Any:
    """In the child: call a method of its side."""
    return getattr(side, method)(argument)


def measure(
    job: Job, side_names: Sequence[str], rounds: int, iterations: int | None
) -> dict[str, Any]:
    """Check that the sides agree, then have them take turns; gives all figures of a batch size."""
    batch_size = job.shape[0]
    iterations = iterations or max(1, (128 if job.forward else 32) // batch_size)
    with ExitStack() as stack:
        children = {name: Child(name) for name in [*side_names, PRODUCT]}
        for child in children.values():
            stack.callback(child.end)
        before = {name: child.ask("prepare", job) for name, child in children.items()}
        product = children.pop(PRODUCT)
        largest = 0.0
        for _ in range(CHECKED_ITERATIONS):
            outputs = {name: child.ask("iterate", 1)[0] for name, child in children.items()}
            largest = max(largest, difference(outputs))
        peak_gflops, seconds, memory_mib = [], {name: [] for name in children}, {}
        for number in range(1, rounds + 1):
            product_seconds = product.ask("iterate", 1)[1]
            del product_seconds["all"]
            peak_gflops.append({k: 2e-9 * MATRIX_SIDE**3 / t for k, t in product_seconds.items()})
            for name, child in children.items():
                _, turn, peak_mib = child.ask("iterate", iterations)
                seconds[name].append(turn)
                memory_mib[name] = {"before": before[name], "peak": peak_mib}
            rates = (f"{name} {batch_size / t[-1]['all']:.2f}/s" for name, t in seconds.items())
            print(f"round {number}: {', '.join(rates)}", file=sys.stderr, flush=True)
    return {
        "batch_size": batch_size,
        "flop_per_image": job.flop,
        "iterations": iterations,
        "largest_difference": largest,
        "peak_gflops": peak_gflops,
        "seconds": seconds,
        "memory_mib": memory_mib,
    }


def difference(outputs: dict[str, Outputs]) -> float:
    """The largest relative difference of any value from the first side's.

    Of faces it is the largest difference over the largest value. UserError over TOLERANCE.
    """
    (first, expected), *others = outputs.items()
    largest = 0.0
    for name, given in others:
        for key, value in given.items():
            found = float(np.max(np.abs(value - expected[key])) / np.max(np.abs(expected[key])))
            if not found <= TOLERANCE:  # nor if it is no number
                raise UserError(
                    f"{name} and {first} disagree on {key}: a relative difference of {found:.1e}, "
                    f"where {TOLERANCE:.0e} is allowed"
                )
            largest = max(largest, found)
    return largest
