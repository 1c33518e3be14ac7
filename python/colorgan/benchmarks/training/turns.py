"""Checks that the sides agree, and lets them take turns, each in a process of its own."""

import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from colorgan.benchmarks.training.children import CardMemory, Child
from colorgan.benchmarks.training.job import Job
from colorgan.benchmarks.training.process import MEMORY_FORMATS, YARDSTICK
from colorgan.benchmarks.training.side import Outputs
from colorgan.errors import UserError
from colorgan.nets.cuda_driver import name_of

CHECKED_ITERATIONS = 3
# How much a value may differ, relative to itself. The first losses differ by 1e-7. Adam's first
# steps follow the signs of gradients, so rounding errors near 0 count for more. A learning rate
# wrong by a tenth would exceed this.
TOLERANCE = 1e-3
TF32_TOLERANCE = 0.05  # factors have 11 bits

CPU_SIDES = ("stock", "ours", *MEMORY_FORMATS)
GPU_SIDES = ("ours", *MEMORY_FORMATS)
# Images of a turn: in training, and in colouring. They take about half a second on a GPU, and some
# seconds on 2 cores.
IMAGES_A_TURN = {"cpu": (32, 128), "gpu": (2048, 8192)}


@dataclass(frozen=True)
class Plan:
    """Which sides take turns, and how.

    Attributes:
        sides: names of the sides.
        rounds: turns of each side.
        iterations: iterations of a turn; None for as many as IMAGES_A_TURN needs.
        pytorch_python: the Python that runs PyTorch's sides; None for this one.
        workspace_mib: memory that a convolution of our Caffe may use on a GPU as its workspace;
            None for its own choice.
    """

    sides: Sequence[str]
    rounds: int
    iterations: int | None = None
    pytorch_python: Path | None = None
    workspace_mib: int | None = None

    def iterations_of(self, job: Job) -> int:
        """Iterations of a turn."""
        images = IMAGES_A_TURN["cpu" if job.gpu is None else "gpu"][job.forward]
        return self.iterations or max(1, images // job.shape[0])

    def start(self, name: str, job: Job) -> Child:
        """Start a side's process."""
        environment = {}
        if name == "stock":
            environment["CAFFE_CPU_ENGINE"] = "stock"
        if name == "ours" and job.tf32:
            environment["CAFFE_TF32"] = "1"
        if name == "ours" and self.workspace_mib:
            environment["CAFFE_WORKSPACE_MIB"] = str(self.workspace_mib)
        ours = name in ("stock", "ours")
        python = None if ours else self.pytorch_python
        return Child(name, python, environment, on_gpu=job.gpu is not None)


def measure(job: Job, plan: Plan) -> dict[str, Any]:
    """Check that the sides agree, and let them take turns; returns all figures for JSON."""
    memory = CardMemory(job.gpu)
    names = [*plan.sides, YARDSTICK]
    if job.gpu is not None and not any(name in MEMORY_FORMATS for name in plan.sides):
        names.remove(YARDSTICK)  # on a GPU it needs PyTorch
    with ExitStack() as stack:
        children = {name: plan.start(name, job) for name in names}
        for child in children.values():
            stack.callback(child.end)
        cuda_mib = begin(children, job, memory)
        yardstick = children.pop(YARDSTICK, None)
        largest = agree(children, job, memory)
        rates, seconds = take_turns(children, yardstick, job, plan, memory)
        memory_mib = {name: child.ask("memory") for name, child in children.items()}
        layers = (
            children["ours"].ask("layers") if "ours" in children and job.gpu is not None else []
        )
    result = {
        "batch_size": job.shape[0],
        "flop_per_image": job.flop,
        "iterations": plan.iterations_of(job),
        "largest_difference": largest,
        "seconds": seconds,
        "memory_mib": memory_mib,
    }
    if job.gpu is None:
        gflops = [{name: rate / 1e9 for name, rate in each.items()} for each in rates]
        return result | {"peak_gflops": gflops}
    for name in memory_mib:
        memory_mib[name] |= {"card": memory.held[name], "cuda": cuda_mib[name]}
    return result | {"gpu": name_of(job.gpu), "tf32": job.tf32, "rates": rates, "layers": layers}


def begin(children: dict[str, Child], job: Job, memory: CardMemory) -> dict[str, float]:
    """Let each side make its nets; returns the MiB that CUDA itself took on the GPU, by side."""
    path, cuda_mib = str(job.write()), {}
    for name, child in children.items():
        with memory.of(name):
            child.ask("begin", path)
        cuda_mib[name] = memory.held[name]
        with memory.of(name):
            child.ask("prepare")
    return cuda_mib


def agree(children: dict[str, Child], job: Job, memory: CardMemory) -> float:
    """The largest difference in the sides' first iterations; UserError if it is too large."""
    tolerance, largest = TF32_TOLERANCE if job.tf32 else TOLERANCE, 0.0
    for _ in range(CHECKED_ITERATIONS):
        outputs = {}
        for name, child in children.items():
            path = job.file(f"{name}.npz")
            with memory.of(name):
                child.ask("check", str(path))
            with np.load(path) as arrays:
                outputs[name] = dict(arrays)
        largest = max(largest, difference(outputs, tolerance))
    return largest


def take_turns(
    children: dict[str, Child],
    yardstick: Child | None,
    job: Job,
    plan: Plan,
    memory: CardMemory,
) -> tuple[list[dict[str, float]], dict[str, list[dict[str, float]]]]:
    """Take all turns; returns the yardstick's rates by round, and `Side.iterate`'s by side."""
    rates: list[dict[str, float]] = []
    seconds: dict[str, list[dict[str, float]]] = {name: [] for name in children}
    iterations = plan.iterations_of(job)
    for number in range(1, plan.rounds + 1):
        if yardstick:
            rates.append(yardstick.ask("rates"))
        for name, child in children.items():
            with memory.of(name):
                turn = child.ask("iterate", iterations)
            # On a GPU, phases only tell when its work was queued, not when it was done.
            seconds[name].append(turn if job.gpu is None else {"all": turn["all"]})
        done = (f"{name} {job.shape[0] / t[-1]['all']:.2f}/s" for name, t in seconds.items())
        print(f"round {number}: {', '.join(done)}", file=sys.stderr, flush=True)
    return rates, seconds


def difference(outputs: dict[str, Outputs], tolerance: float = TOLERANCE) -> float:
    """The largest relative difference between any output and the first side's.

    For faces, it is the largest difference divided by the largest value. UserError if it exceeds
    `tolerance`.
    """
    (first, expected), *others = outputs.items()
    largest = 0.0
    for name, given in others:
        for key, value in given.items():
            found = float(np.max(np.abs(value - expected[key])) / np.max(np.abs(expected[key])))
            if not found <= tolerance:  # this also catches NaN
                raise UserError(
                    f"{name} and {first} disagree on {key}: a relative difference of {found:.1e}, "
                    f"where {tolerance:.0e} is allowed"
                )
            largest = max(largest, found)
    return largest
