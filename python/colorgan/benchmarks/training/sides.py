"""The sides that take turns: Caffe, stock and as built here, and the yardstick; see torch_side.

stock                  Caffe's own layers (CAFFE_CPU_ENGINE=stock)
ours                   Caffe as built, and as CAFFE_CPU_ENGINE says where it is set
pytorch-nchw           PyTorch, eager, float32
pytorch-channels-last  the same with the channels innermost; the faster of the two counts
"""

import importlib.util
import os
import re
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from colorgan.benchmarks.training.job import SEED, Job
from colorgan.faces.batches import batch_of
from colorgan.nets.deployed import generate
from colorgan.nets.prototxt import PAPERS_SOLVERS
from colorgan.nets.runtime import load_caffe
from colorgan.phases import PhaseTimes
from colorgan.training.steps import GanTraining

LOSSES = ("l2", "d_real", "d_fake", "adversarial")
MATRIX_SIDE = 3072  # large enough for BLAS to reach its peak

Outputs = dict[str, Any]  # the losses before lambda, or the coloured faces
Seconds = dict[str, float]  # an iteration's, by phase; "all" from its begin to its end


class Side:
    """What takes its turn, in a process of its own; the parent calls `prepare` and `iterate`."""

    def prepare(self, job: Job) -> float:
        """Make what `job` needs; gives the MiB that the process had before."""
        before = memory("VmRSS")
        self.job = job
        self.times = PhaseTimes()
        self.make()
        return before

    def iterate(self, iterations: int) -> tuple[Outputs, Seconds, float]:
        """What the last iteration gave, an iteration's time, and the peak MiB of the process."""
        self.times.seconds.clear()
        with self.times.phase("all"):
            for _ in range(iterations):
                outputs = self.step()
        seconds = {phase: total / iterations for phase, total in self.times.seconds.items()}
        return outputs, seconds, memory("VmHWM")

    def make(self) -> None:
        """Make the faces and the nets of `self.job`."""
        faces = np.random.default_rng(SEED).integers(0, 256, self.job.shape, np.uint8)
        self.gray, self.batch = faces[:, 0], batch_of(faces)
        self.weights = np.load(self.job.folder / "weights.npz")
        self.make_nets()
        self.step = self.colorize if self.job.forward else self.train


def memory(field: str) -> float:
    """A figure of /proc/self/status in MiB."""
    return int(re.search(rf"{field}:\s+(\d+) kB", Path("/proc/self/status").read_text())[1]) / 1024


class CaffeSide(Side):
    """The project's own training step and its own way to colour, in pycaffe."""

    def __init__(self, engine: str | None = None) -> None:
        if engine:
            os.environ["CAFFE_CPU_ENGINE"] = engine  # in time for libcaffe, which reads it once
        self.caffe = load_caffe()

    def make_nets(self) -> None:
        """G's deploy net, or both solvers, as a training makes them; all with the same weights."""
        folder = self.job.folder
        if self.job.forward:
            self.generator = self.caffe.Net(str(folder / "deploy.prototxt"), self.caffe.TEST)
            made = {"generator": self.generator}
        else:
            solvers = [folder / f"{name}_solver.prototxt" for name in PAPERS_SOLVERS]
            self.training = GanTraining(*solvers, self.times)
            made = {player.name: player.net for player in self.training.players}
        for name, net in made.items():
            for layer, blobs in net.params.items():
                for index, blob in enumerate(blobs):
                    blob.data[...] = self.weights[f"{name}/{layer}/{index}"]

    def train(self) -> Outputs:
        """One iteration."""
        values = self.training.step(self.batch).values()
        return {name: values[name] for name in LOSSES}

    def colorize(self) -> Outputs:
        """From uint8 gray to float32 colour."""
        return {"fake": generate(self.generator, self.gray)}


class MatrixProduct(Side):
    """The yardstick: a product of two float32 matrices in each library."""

    def make(self) -> None:
        """Make the matrices, and warm up."""
        left, right = np.random.default_rng(SEED).random((2, MATRIX_SIDE, MATRIX_SIDE), np.float32)
        self.products = {"NumPy": partial(np.matmul, left, right)}
        if has_torch():
            import torch

            tensors = torch.from_numpy(left), torch.from_numpy(right)
            self.products["PyTorch"] = partial(torch.matmul, *tensors)
        self.step()

    def step(self) -> Outputs:
        """One product in each library, which is a phase."""
        for library, product in self.products.items():
            with self.times.phase(library):
                product()
        return {}


def has_torch() -> bool:
    """Whether PyTorch is installed."""
    return importlib.util.find_spec("torch") is not None
