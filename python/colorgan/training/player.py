"""G or D with its solver: what a step, a snapshot and several processes need of it."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from colorgan.errors import UserError
from colorgan.nets.deployed import check_weights, read_weights
from colorgan.nets.prototxt import proto
from colorgan.nets.runtime import load_caffe
from colorgan.phases import PhaseTimes
from colorgan.processes import all_processes


class Player:
    """G or D, and its solver; each call to Caffe is timed.

    A GPU may still be at work when a call returns: its time counts where it is waited for.
    """

    def __init__(self, name: str, solver: Path, times: PhaseTimes) -> None:
        """Make the solver and its net; `name` is what its files are called in a snapshot."""
        self.name = name
        self.solver = load_caffe().get_solver(str(solver))
        self.net = self.solver.net
        self._letter = name[0].upper()  # G or D, as in the formulas
        self._times = times
        self._processes = all_processes()
        self._processes.spread(b.data for blobs in self.net.params.values() for b in blobs)

    # Net.forward and Net.backward are these two, and then bring the net's outputs, or the diffs of
    # its inputs, to the host.
    def forward(self) -> None:
        """Run the net on what its input blobs hold."""
        with self._times.phase(f"{self._letter} forward"):
            self.net._forward(0, len(self.net.layers) - 1)

    def backward(self, params: bool = True) -> None:
        """Run the net backwards; parameter diffs accumulate, or stay as they are without `params`.

        The blobs' diffs are the same either way.
        """
        with self._times.phase(f"{self._letter} backward"):
            self.net.set_param_gradients(params)
            self.net._backward(len(self.net.layers) - 1, 0)

    def update(self) -> None:
        """One solver step with the gradients in the parameters' diffs; it leaves updates there."""
        self.average()  # so that all who share the batch take the same step
        with self._times.phase(f"{self._letter} update"):
            self.solver.apply_update()

    def average(self) -> None:
        """Make the gradients of this process's share of the batch those of the whole batch."""
        with self._times.phase("averaging"):
            self._processes.average(self._of_the_share())

    def _of_the_share(self) -> Iterator[np.ndarray]:
        """What came of this share: gradients, and BatchNorm's moving averages, which have none."""
        for name, blobs in self.net.params.items():
            kind = "data" if self.net.layer_dict[name].type == "BatchNorm" else "diff"
            yield from (getattr(blob, kind) for blob in blobs)

    def is_finite(self) -> bool:
        """Whether every parameter is a finite number."""
        return all(np.isfinite(b.data).all() for blobs in self.net.params.values() for b in blobs)

    def parameter_bytes(self) -> int:
        """The size of the parameters, and of the gradients that are averaged."""
        return sum(b.data.nbytes for blobs in self.net.params.values() for b in blobs)

    def snapshot_bytes(self) -> int:
        """The most that a snapshot takes up: the parameters, and Adam's two moments of each."""
        return 3 * self.parameter_bytes()

    def snapshot(self, folder: Path) -> None:
        """Write NAME.caffemodel and NAME.solverstate into `folder`, the solver's own prefix."""
        self.solver.snapshot()
        written = {
            suffix: folder / f"{self.name}_iter_{self.solver.iter}.{suffix}"
            for suffix in ("caffemodel", "solverstate")
        }
        weights = written["caffemodel"].rename(folder / f"{self.name}.caffemodel")
        point_to_weights(written["solverstate"], weights.name, folder / f"{self.name}.solverstate")
        written["solverstate"].unlink()

    def restore(self, folder: Path) -> None:
        """Load the weights, the solver's moments and the iteration from what `snapshot` wrote.

        UserError where they belong to another net or another kind of solver.
        """
        state, weights = (folder / f"{self.name}.{kind}" for kind in ("solverstate", "caffemodel"))
        check_weights(self.net, read_weights(weights), weights)
        moments = len(proto().SolverState.FromString(state.read_bytes()).history)
        two_each = isinstance(self.solver, load_caffe().AdamSolver | load_caffe().AdaDeltaSolver)
        if moments != sum(map(len, self.net.params.values())) * (2 if two_each else 1):
            kind = type(self.solver).__name__
            raise UserError(f"{state}: not of the {kind} that the run has; put its old one back")
        with tempfile.NamedTemporaryFile(suffix=".solverstate") as here:
            point_to_weights(state, str(weights), Path(here.name))
            self.solver.restore(here.name)


def point_to_weights(state: Path, weights: str, out: Path) -> None:
    """Copy a .solverstate file, with `weights` as the path of the weights that belong to it.

    Caffe stores the path that it wrote them to, so it would not find those of a moved snapshot.
    """
    message = proto().SolverState.FromString(state.read_bytes())
    message.learned_net = weights
    out.write_bytes(message.SerializeToString())
