"""What D asks of G, snapshot by snapshot: how much, for which faces, and what G did about it."""

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from scipy.special import expit

from colorgan.errors import UserError
from colorgan.luminance import gray_from_bgr
from colorgan.measuring.markdown import markdown_table
from colorgan.nets.deployed import DeployedGenerator, check_weights, read_weights
from colorgan.nets.prototxt import (
    BLOBS,
    face_size_of,
    read_net,
    set_batch_size,
    write_prototxt,
)
from colorgan.nets.runtime import load_caffe

HEADINGS = (
    "iteration",
    "score's gradient",
    "one picture",
    "with G's error",
    "with the last picture",
    "one tint of what changed",
)


@dataclass(frozen=True)
class Demand:
    """One snapshot on some faces: float32 `(n, 3, h, w)`, BGR, values in [0, 1].

    Attributes:
        iteration: of the snapshot.
        fake: the faces that G generates from the gray ones.
        error: their difference from the originals, which L2's gradient is proportional to.
        slope: the gradient of D's score at the generated faces.
        score: D's scores of them, before the sigmoid, `(n,)`.
    """

    iteration: int
    fake: np.ndarray
    error: np.ndarray
    slope: np.ndarray
    score: np.ndarray

    @property
    def gradient(self) -> np.ndarray:
        """The gradient of the adversarial term -log D(G(x)), without lambda and 1/n."""
        missing = expit(-self.score)  # 1 - D(G(x))
        return -missing[:, np.newaxis, np.newaxis, np.newaxis] * self.slope

    def row(self, last: "Demand | None") -> list[str]:
        """The table's cells; two of them compare with the previous snapshot."""
        norms = np.linalg.norm(self.slope.reshape(len(self.slope), -1), axis=1)
        cells = [
            f"{self.iteration:,}",
            f"{norms.mean():.2f}",
            f"{share_of(self.gradient, axes=(0,)):.0%}",
            f"{cosine(self.gradient, self.error):.2f}",
        ]
        if last is None:
            return [*cells, "", ""]
        turned = cosine(self.gradient.mean(axis=0), last.gradient.mean(axis=0))
        tint = share_of(self.fake - last.fake, axes=(0, 2, 3))
        return [*cells, f"{turned:.2f}", f"{tint:.0%}"]


def share_of(pictures: np.ndarray, axes: tuple[int, ...]) -> float:
    """How much of the pictures' squares is in their mean over some axes: a share in [0, 1]."""
    mean = pictures.mean(axis=axes, keepdims=True)
    return float((np.broadcast_to(mean, pictures.shape) ** 2).sum() / (pictures**2).sum())


def cosine(one: np.ndarray, other: np.ndarray) -> float:
    """The cosine of the angle between two arrays of the same shape, taken as vectors."""
    return float((one * other).sum() / (np.linalg.norm(one) * np.linalg.norm(other)))


def table(demands: Iterable[Demand]) -> str:
    """A Markdown table with a row for each snapshot."""
    demands = list(demands)
    rows = [demands[0].row(None), *(one.row(last) for last, one in pairwise(demands))]
    return markdown_table(HEADINGS, rows, text_columns=0)


def read_demands(run: Path, snapshots: Sequence[Path], faces: np.ndarray) -> Iterator[Demand]:
    """Let a run's snapshots colour and judge faces, uint8 `(n, 3, h, w)`, BGR.

    UserError where the run has no D or no snapshots, or its nets are for faces of another size, or
    where it has a critic, or a D that gives a face several scores.
    """
    if not snapshots or not all((one / "discriminator.caffemodel").exists() for one in snapshots):
        raise UserError(f"{run}: holds no snapshots of G and D")
    gray = gray_from_bgr(faces)
    judge = Judge(run / "discriminator.prototxt", faces)
    for snapshot in snapshots:
        fake = DeployedGenerator(snapshot / "generator.caffemodel").colorize(gray)
        judge.load(snapshot / "discriminator.caffemodel")
        error = fake - faces / np.float32(255)
        iteration = int(snapshot.name.removeprefix("iter_"))
        yield Demand(iteration, fake, error, *judge.slope_and_score(fake, gray))


class Judge:
    """D without its loss: a net that scores as many faces as it is made for."""

    def __init__(self, prototxt: Path, faces: np.ndarray) -> None:
        """Build the net; UserError where it cannot judge faces like these, uint8 `(n, 3, h, w)`."""
        net = read_net(prototxt, BLOBS["discriminator"])
        if not any(layer.type == "SigmoidCrossEntropyLoss" for layer in net.layer):
            raise UserError(
                f"{prototxt}: has no cross-entropy, so it is no D; a critic has no such table"
            )
        count, *_, side = faces.shape
        if face_size_of(net) != side:
            raise UserError(f"{prototxt}: for faces of {face_size_of(net)} pixels, not {side}")
        set_batch_size(net, count)
        kept = [layer for layer in net.layer if not layer.loss_weight and layer.name != "label"]
        for shape in [shape for layer in kept for shape in layer.dummy_data_param.shape]:
            shape.dim[0] = max(shape.dim[0], count)  # noise for all
        del net.layer[:]
        net.layer.extend(kept)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "discriminator.prototxt"
            write_prototxt(path, net, "D without its loss")
            self._net = load_caffe().Net(str(path), load_caffe().TEST)
        if self._net.blobs["score"].count != count:
            raise UserError(f"{prototxt}: gives a face several scores; here a D with one is needed")

    def load(self, weights: Path) -> None:
        """Load D's weights; UserError where they do not fit this net."""
        check_weights(self._net, read_weights(weights), weights)
        self._net.copy_from(str(weights))

    def slope_and_score(self, faces: np.ndarray, gray: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The scores' gradient at faces, float32 `(n, 3, h, w)`, and the scores `(n,)`.

        A conditional D also sees `gray`, uint8 `(n, h, w)`.
        """
        blobs = self._net.blobs
        blobs["data"].data[...] = faces
        if "gray" in blobs:
            blobs["gray"].data[...] = gray[:, np.newaxis] / np.float32(255)
        score = self._net.forward()["score"].reshape(-1).copy()
        slope = self._net.backward(score=np.ones_like(blobs["score"].data))["data"].copy()
        return slope, score
