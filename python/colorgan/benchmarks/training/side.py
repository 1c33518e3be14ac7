"""A side of the match: what takes its turn, in a process of its own."""

import re
from pathlib import Path
from typing import Any

import numpy as np

from colorgan.benchmarks.training.job import Job, read_job
from colorgan.phases import PhaseTimes

Outputs = dict[str, Any]  # the losses before lambda, or the coloured faces


class Side:
    """What takes its turn; the parent calls the methods without an underscore.

    `_begin`, `_make_nets`, `_train` and `_colorize` are each side's own. Work on a GPU goes on when
    a call has returned, so `_wait` is called before the clock is read.
    """

    def begin(self, job: str) -> None:
        """Take up the job that the file `job` holds; on a GPU, start CUDA there."""
        self.job: Job = read_job(job)
        self.times = PhaseTimes()
        self._memory = {"before": resident_mib("VmRSS")}
        self._begin()

    def prepare(self) -> None:
        """Make the faces and the nets."""
        with np.load(self.job.file("faces.npz")) as faces:
            self.faces = dict(faces)
        with np.load(self.job.file("weights.npz")) as weights:
            self.weights = dict(weights)
        self._make_nets()
        self._step = self._colorize if self.job.forward else self._train

    def check(self, out: str) -> None:
        """Write what one iteration gives to the .npz file `out`."""
        np.savez(out, **self._step())

    def iterate(self, iterations: int) -> dict[str, float]:
        """An iteration's seconds, by phase; "all" from its begin to its end."""
        self.times.seconds.clear()
        self._wait()
        with self.times.phase("all"):
            for _ in range(iterations):
                self._step()
            self._wait()
        return {phase: total / iterations for phase, total in self.times.seconds.items()}

    def memory(self) -> dict[str, float]:
        """MiB: of the process before it had nets, and at its peak."""
        return self._memory | {"peak": resident_mib("VmHWM")}

    def _begin(self) -> None:
        """Nothing is to be done."""

    def _wait(self) -> None:
        """The CPU is done when a call has returned."""


def resident_mib(field: str) -> float:
    """A figure of /proc/self/status in MiB."""
    return int(re.search(rf"{field}:\s+(\d+) kB", Path("/proc/self/status").read_text())[1]) / 1024
