"""One iteration of training: formulas (3) and (4) of the paper, D first, then G.

And two others that the paper mentions: L2 alone (its Figure 4a), and the Wasserstein GAN (its
outlook).

G and D are two nets with a solver each. What passes between them are two blobs:
the generated faces, from G's `fake` to D's `data`, and the adversarial gradient, from D's `data`
back to G's `fake_adversarial`.

On a GPU they stay there. Python sees a blob's `data` or `diff` on the host, and each look moves the
blob off the GPU and back. So an iteration looks only at the batch and the losses, which Caffe keeps
on the host, and at the scores and gradients only when they are to be logged.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from colorgan.faces.batches import Batch
from colorgan.nets.runtime import Blob
from colorgan.phases import PhaseTimes
from colorgan.processes import Processes
from colorgan.training.player import Player

REAL, FAKE = 1.0, 0.0  # D's label for a photograph and for a generated face


@dataclass(frozen=True)
class Judgement:
    """What D makes of a batch: its loss, as in formulas (3) and (4), and its mean score.

    The score is None where it was not asked for.
    """

    loss: float
    score: float | None


@dataclass(frozen=True)
class StepLosses:
    """The losses of one iteration: batch means, before lambda.

    Attributes:
        l2: 1/(2N) sum ||G(x) - X||^2, formula (3).
        adversarial: -log D(G(x)), formula (3), from D just updated; -f(G(x)) from a critic.
        d_real, d_fake: -log D(X) and -log(1 - D(G(x))), formula (4); a critic's -f(X) and f(G(x)).
        score_real, score_fake: D(X) and D(G(x)) in [0, 1], before D's update; a critic's f(X) and
            f(G(x)), any numbers.
        grad_l2, grad_adversarial: L2 norms of the two terms' gradients at `fake`, lambda included.
        own: the other losses of G's net, by name.

    Scores and gradients are None where they were not asked for; in L2 training all but `l2`,
    `grad_l2` and `own` are None.
    """

    l2: float
    adversarial: float | None = None
    d_real: float | None = None
    d_fake: float | None = None
    score_real: float | None = None
    score_fake: float | None = None
    grad_l2: float | None = None
    grad_adversarial: float | None = None
    own: Mapping[str, float] = field(default_factory=dict)

    def values(self) -> dict[str, float]:
        """Those that were measured, by name."""
        values = asdict(self)
        values |= values.pop("own")
        return {name: value for name, value in values.items() if value is not None}

    def of_all(self, processes: Processes) -> dict[str, float]:
        """The values of the whole batch, from those that each process has of its share."""
        values = self.values()
        norms = {name: v**2 for name, v in values.items() if name.startswith("grad_")}
        means = processes.mean(values | norms)
        # A share's gradient is that of its own mean loss: `size` times what it adds to the batch's.
        return means | {name: math.sqrt(means[name] / processes.size) for name in norms}


class L2Training:
    """G alone, on the first term of formula (3): the paper's Figure 4a.

    Or on whatever losses G's net has in its place.
    """

    batches_per_step = 1  # a step takes a batch of this many times G's batch size

    def __init__(self, generator_solver: Path, times: PhaseTimes) -> None:
        self.times = times
        self.generator = Player("generator", generator_solver, times)
        self.players = [self.generator]
        net = self.generator.net
        scalars = [name for name in net.outputs if net.blobs[name].count == 1]
        self._own_losses = [name for name in scalars if name != "l2"]

    def step(self, batch: Batch, measure: bool = False) -> StepLosses:
        """One update of G."""
        G = self.generator.net
        self.generate(batch)
        G.clear_param_diffs()
        self.generator.backward()  # of the first term; the diff of fake_adversarial stays 0
        self.generator.update()
        grad_l2 = _norm(G.blobs["fake_l2"]) if measure else None
        return StepLosses(l2=float(G.blobs["l2"].data), grad_l2=grad_l2, own=self.own_losses())

    def generate(self, batch: Batch) -> None:
        """Draw fake = G(x), and the L2 loss: G's only forward pass in an iteration.

        A second pass in the TRAIN phase would move BatchNorm's moving averages twice.
        """
        G = self.generator.net
        with self.times.phase("copies"):
            G.blobs["gray"].data[...] = batch.gray
            G.blobs["color"].data[...] = batch.color
        self.generator.forward()

    def own_losses(self) -> dict[str, float]:
        """The losses besides `l2` that G's net has computed from its last batch."""
        blobs = self.generator.net.blobs
        return {name: float(blobs[name].data) for name in self._own_losses}


class GanTraining(L2Training):
    """G and D against each other: formulas (3) and (4).

    If D's net has inputs besides faces and label, they get what G's blobs of the same names hold.
    With `gray`, D judges the colours of that gray image (Mirza and Osindero 2014).
    """

    def __init__(
        self, generator_solver: Path, discriminator_solver: Path, times: PhaseTimes
    ) -> None:
        super().__init__(generator_solver, times)
        self.discriminator = Player("discriminator", discriminator_solver, times)
        self.players.append(self.discriminator)
        inputs = self.discriminator.net.inputs
        self._conditions = [name for name in inputs if name not in ("data", "label")]

    def step(self, batch: Batch, measure: bool = False) -> StepLosses:
        """One update of D, with G fixed, then one of G, with D fixed."""
        self.generate(batch)
        on_real, on_fake = self.disc_step(measure)
        return self.gen_step(on_real, on_fake, measure)

    def disc_step(self, measure: bool = False) -> tuple[Judgement, Judgement]:
        """Formula (4): L_D = -lambda [log D(X) + log(1 - D(G(x)))]."""
        G, D = self.generator.net, self.discriminator.net
        D.clear_param_diffs()  # the last update has left its steps there
        on_real = self.judge(G.blobs["color"], REAL, measure)
        self.discriminator.backward()  # -lambda log D(X)
        on_fake = self.judge(G.blobs["fake"], FAKE, measure)
        self.discriminator.backward()  # -lambda log(1 - D(G(x))): Caffe adds it to the first
        self.discriminator.update()
        return on_real, on_fake

    def gen_step(self, on_real: Judgement, on_fake: Judgement, measure: bool = False) -> StepLosses:
        """Formula (3): L_G = 1/(2N) sum ||G(x) - X||^2 + lambda (-log D(G(x)))."""
        G, D = self.generator.net, self.discriminator.net
        fooled = self.judge(G.blobs["fake"], REAL)
        self.discriminator.backward(params=False)  # data.diff = d[-lambda log D(G(x))] / dG(x)
        with self.times.phase("copies"):  # the second term of (3); lambda is D's loss weight
            G.blobs["fake_adversarial"].copy_from(D.blobs["data"], diff=True)
        G.clear_param_diffs()
        self.generator.backward()  # fake.diff = d[1/(2N) sum ||G(x) - X||^2] / dG(x) + the second
        self.generator.update()
        return StepLosses(
            l2=float(G.blobs["l2"].data),
            adversarial=fooled.loss,
            d_real=on_real.loss,
            d_fake=on_fake.loss,
            score_real=on_real.score,
            score_fake=on_fake.score,
            grad_l2=_norm(G.blobs["fake_l2"]) if measure else None,
            grad_adversarial=_norm(G.blobs["fake_adversarial"]) if measure else None,
            own=self.own_losses(),
        )

    def judge(self, faces: Blob, label: float, measure: bool = False) -> Judgement:
        """Run D forward on a blob of faces, (N, 3, 64, 64) in [0, 1], labelled real or fake."""
        G, D = self.generator.net, self.discriminator.net
        with self.times.phase("copies"):
            D.blobs["data"].copy_from(faces)
            D.blobs["label"].fill(label)
            for name in self._conditions:
                D.blobs[name].copy_from(G.blobs[name])
        self.discriminator.forward()
        score = self.mean_score(D.blobs["score"].data) if measure else None
        return Judgement(float(D.blobs["adversarial"].data), score)

    @staticmethod
    def mean_score(score: np.ndarray) -> float:
        """D's mean probability that the faces are real."""
        return float(np.mean(_sigmoid(score)))


class WassersteinTraining(GanTraining):
    """G against a critic f without Sigmoid: the paper's future work (iii).

    After Arjovsky, Chintala and Bottou 2017. f maximises mean f(X) - mean f(G(x)) and stays
    Lipschitz because its weights are clipped; G minimises (3) with -f(G(x)) in place of
    -log D(G(x)). The critic's net has its losses signed so that disc_step and gen_step do just
    that.
    """

    def __init__(
        self,
        generator_solver: Path,
        discriminator_solver: Path,
        times: PhaseTimes,
        n_critic: int,
        weight_clip: float,
    ) -> None:
        """`n_critic` updates of f to one of G; f's weights in [-weight_clip, weight_clip]."""
        super().__init__(generator_solver, discriminator_solver, times)
        self.batches_per_step = n_critic
        self._weight_clip = weight_clip

    def step(self, batch: Batch, measure: bool = False) -> StepLosses:
        """`n_critic` updates of f, each on faces of its own, then one of G on the last of them."""
        for part in batch.split(self.batches_per_step):
            self.generate(part)
            on_real, on_fake = self.disc_step(measure)
            self.clip_weights()
        return self.gen_step(on_real, on_fake, measure)

    def clip_weights(self) -> None:
        """Keep f Lipschitz, whatever its constant; on the host, even if f is on a GPU."""
        with self.times.phase("copies"):
            for blobs in self.discriminator.net.params.values():
                for blob in blobs:
                    np.clip(blob.data, -self._weight_clip, self._weight_clip, out=blob.data)

    @staticmethod
    def mean_score(score: np.ndarray) -> float:
        """The mean of f, any number."""
        return float(np.mean(score))


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 0.5 * (1 + np.tanh(0.5 * x))  # as 1 / (1 + exp(-x)), without its overflow


def _norm(blob: Blob) -> float:
    return float(np.linalg.norm(blob.diff.ravel()))
