"""A side of the comparison: what takes turns with others, in a process of its own."""

from pathlib import Path
from typing import Any

import numpy as np

from colorgan.benchmarks.training.job import Job, read_job
from colorgan.phases import PhaseTimes

Outputs = dict[str, Any]  # losses, before lambda, or coloured faces


class Side:
    """A side; the parent process calls its public methods.

    Sides that train define `_begin`, `_make_nets`, `_train` and `_colorize`. Sides that compute on
    a GPU also define `_wait`: the GPU may still be at work when a call returns, so `_wait` comes
    before the clock is read.
    """

    def begin(self, job: str) -> None:
        """Read the job from the file `job`, and start CUDA if it is for a GPU."""
        self.job: Job = read_job(job)
        self.times = PhaseTimes()
        self._memory = {"before": resident_mib("VmRSS")}
        self._begin()

    def prepare(self) -> None:
        """Load the faces, and make the nets."""
        with np.load(self.job.file("faces.npz")) as faces:
            self.faces = dict(faces)
        with np.load(self.job.file("weights.npz")) as weights:
            self.weights = dict(weights)
        self._make_nets()
        self._step = self._colorize if self.job.forward else self._train

    def check(self, out: str) -> None:
        """Run an iteration, and write its outputs to the .npz file `out`."""
        np.savez(out, **self._step())

    def iterate(self, iterations: int) -> dict[str, float]:
        """Run iterations; returns the mean seconds of one, by phase. "all" is all of it."""
        self.times.seconds.clear()
        self._wait()
        with self.times.phase("all"):
            for _ in range(iterations):
                self._step()
            self._wait()
        return {phase: total / iterations for phase, total in self.times.seconds.items()}

    def memory(self) -> dict[str, float]:
        """MiB of this process before it made nets, and at its peak."""
        return self._memory | {"peak": resident_mib("VmHWM")}

    def _make_nets(self) -> None:
        """Make the nets, with the job's weights."""
        raise NotImplementedError

    def _train(self) -> Outputs:
        """Run an iteration of training; returns its losses."""
        raise NotImplementedError

    def _colorize(self) -> Outputs:
        """Colour the faces; returns them."""
        raise NotImplementedError

    def _begin(self) -> None:
        """Start what the side needs on its device: by default nothing."""

    def _wait(self) -> None:
        """Wait for the device: by default not at all, as for the CPU."""


def resident_mib(field: str) -> float:
    """A field of /proc/self/status, in MiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:")) / 1024
