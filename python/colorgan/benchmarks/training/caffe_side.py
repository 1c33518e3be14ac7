"""Caffe's side: the project's own training step, and its own way to colour."""

import time
from collections.abc import Callable, Iterator
from statistics import median
from typing import Any

from colorgan.benchmarks.training.job import LOSSES
from colorgan.benchmarks.training.side import Outputs, Side
from colorgan.faces.batches import Batch
from colorgan.nets.cuda_driver import wait_for_gpu
from colorgan.nets.deployed import generate
from colorgan.nets.prototxt import PAPERS_SOLVERS
from colorgan.nets.runtime import load_caffe, use_device
from colorgan.training.steps import GanTraining

REPETITIONS = 10  # when a single layer is timed
NORMALIZATION = ("BatchNorm", "Scale", "ReLU")  # the engine runs these, in this order, as one


class CaffeSide(Side):
    """Caffe, stock or this project's: CAFFE_CPU_ENGINE decides, see colorgan.nets.runtime."""

    def __init__(self) -> None:
        self.caffe = load_caffe()

    def _begin(self) -> None:
        use_device(self.job.gpu)

    def _make_nets(self) -> None:
        """Make G's deploy net, or both solvers as a training has them, and set the weights."""
        if self.job.forward:
            deploy = str(self.job.file("deploy.prototxt"))
            self.nets = {"generator": self.caffe.Net(deploy, self.caffe.TEST)}
        else:
            of_g, of_d = (self.job.file(f"{name}_solver.prototxt") for name in PAPERS_SOLVERS)
            self.training = GanTraining(of_g, of_d, self.times)
            self.nets = {player.name: player.net for player in self.training.players}
        for name, net in self.nets.items():
            for layer, blobs in net.params.items():
                for index, blob in enumerate(blobs):
                    blob.data[...] = self.weights[f"{name}/{layer}/{index}"]
        self.batch = Batch(self.faces["gray"], self.faces["color"])

    def _train(self) -> Outputs:
        """Run an iteration."""
        values = self.training.step(self.batch).values()
        return {name: values[name] for name in LOSSES}

    def _colorize(self) -> Outputs:
        """Colour the faces, from uint8 to float32."""
        return {"fake": generate(self.nets["generator"], self.faces["levels"])}

    def _wait(self) -> None:
        if self.job.gpu is not None:
            wait_for_gpu()

    def layers(self) -> list[dict[str, Any]]:
        """Seconds of each layer by itself, forward and backward, and of G's and D's updates.

        An update's seconds are under "forward". Call this last, since it changes the weights.
        """
        rows = []
        for name, net in self.nets.items():
            for first, last, kind in ranges([layer.type for layer in net.layers]):
                row = {"net": name, "layer": net._layer_names[first], "type": kind}
                row["forward"] = self._seconds(net._forward, first, last)
                if not self.job.forward:
                    row["backward"] = self._seconds(net._backward, last, first)
                rows.append(row)
        for player in [] if self.job.forward else self.training.players:
            seconds = self._seconds(player.update)
            rows.append({"net": player.name, "layer": "", "type": "update", "forward": seconds})
        return rows

    def _seconds(self, call: Callable[..., Any], *arguments: int) -> float:
        """Seconds that a call takes: the median of several, after one that does not count."""
        taken = []
        for _ in range(1 + REPETITIONS):
            self._wait()
            begun = time.perf_counter()
            call(*arguments)
            self._wait()
            taken.append(time.perf_counter() - begun)
        return median(taken[1:])


def ranges(types: list[str]) -> Iterator[tuple[int, int, str]]:
    """Layers that run as one: the first, the last, and their types, such as "BatchNorm+Scale".

    `types` are those of all layers of a net, in order.
    """
    first = 0
    while first < len(types):
        last = first
        if types[first] == NORMALIZATION[0]:
            while last + 1 < len(types) and types[last + 1] == NORMALIZATION[last + 1 - first]:
                last += 1
                if last - first + 1 == len(NORMALIZATION):
                    break
        yield first, last, "+".join(types[first : last + 1])
        first = last + 1
