"""GANs of the project's nets with few maps, for tests of the training step."""

from pathlib import Path

import numpy as np

from colorgan.nets.prototxt import (
    BLOBS,
    CRITIC_PROTOTXT,
    DISCRIMINATOR_PROTOTXT,
    GENERATOR_PROTOTXT,
    PAPERS_SOLVERS,
    WASSERSTEIN_SOLVERS,
    read_net,
    read_solver,
    set_adversarial_weight,
    set_batch_size,
    write_prototxt,
)
from colorgan.phases import PhaseTimes
from colorgan.places import PROTOTXT
from colorgan.training.player import Player
from colorgan.training.steps import GanTraining, WassersteinTraining

BATCH = 4
LAMBDA = 100.0
N_CRITIC, WEIGHT_CLIP = 2, 0.01

CONDITIONAL_PROTOTXT = PROTOTXT / "discriminator_conditional.prototxt"
PAPERS_NETS = {
    "generator": GENERATOR_PROTOTXT,
    "discriminator": DISCRIMINATOR_PROTOTXT,
}


def place_solver(
    folder: Path,
    name: str,
    adversarial_weight: float,
    prototxts: dict[str, Path] = PAPERS_NETS,
    solvers: dict[str, Path] = PAPERS_SOLVERS,
    slope: float | None = None,
    batch: int = BATCH,
) -> Path:
    """The project's own net and solver, with few maps so that finite differences stay sharp.

    `slope` is that of all ReLUs below 0, in place of the net's own.
    """
    net = read_net(prototxts[name], BLOBS[name])
    set_batch_size(net, batch)
    for layer in net.layer:
        if layer.type == "Convolution" and layer.name != "conv5":
            layer.convolution_param.num_output //= 8
    if name == "discriminator":
        set_adversarial_weight(net, adversarial_weight)
        for layer in net.layer:
            if layer.type == "Convolution":  # at 0.02, so few maps would hardly answer the input
                layer.convolution_param.weight_filler.std = 0.1
            # Finite differences cross ReLUs' kinks: at 0.9 those of conv1's bias are 5 % off, even
            # in float64; at 1 they are exact. ReLU's own gradient is tested in tests/engine.
            if layer.type == "ReLU":
                layer.relu_param.negative_slope = 0.98
    for layer in net.layer:
        if layer.type == "ReLU" and slope is not None:
            layer.relu_param.negative_slope = slope
    write_prototxt(folder / f"{name}.prototxt", net, "for a test")
    solver = read_solver(solvers[name])
    solver.net = str(folder / f"{name}.prototxt")
    solver.random_seed = 3
    write_prototxt(folder / f"{name}_solver.prototxt", solver, "for a test")
    return folder / f"{name}_solver.prototxt"


def make_gan(
    folder: Path,
    adversarial_weight: float = LAMBDA,
    slope: float | None = None,
    batch: int = BATCH,
) -> GanTraining:
    """Formulas (3) and (4), with new weights."""
    folder.mkdir(exist_ok=True)
    solvers = [
        place_solver(folder, name, adversarial_weight, slope=slope, batch=batch)
        for name in PAPERS_SOLVERS
    ]
    return GanTraining(*solvers, PhaseTimes())


def make_conditional_gan(folder: Path, slope: float | None = None) -> GanTraining:
    """The formulas with a D that sees the gray image, too, with new weights."""
    folder.mkdir(exist_ok=True)
    prototxts = PAPERS_NETS | {"discriminator": CONDITIONAL_PROTOTXT}
    solvers = [place_solver(folder, name, LAMBDA, prototxts, slope=slope) for name in prototxts]
    return GanTraining(*solvers, PhaseTimes())


def make_wasserstein_gan(folder: Path, slope: float | None = None) -> WassersteinTraining:
    """G against a critic, with new weights."""
    folder.mkdir(exist_ok=True)
    prototxts = PAPERS_NETS | {"discriminator": CRITIC_PROTOTXT}
    solvers = [
        place_solver(folder, name, LAMBDA, prototxts, WASSERSTEIN_SOLVERS, slope)
        for name in prototxts
    ]
    return WassersteinTraining(*solvers, PhaseTimes(), N_CRITIC, WEIGHT_CLIP)


def parameters(player: Player, kind: str = "data") -> list[np.ndarray]:
    """Copies of a net's learned parameters, or of their diffs (BatchNorm's averages left out)."""
    learned = [blobs for name, blobs in player.net.params.items() if not name.startswith("bn")]
    return [getattr(blob, kind).copy() for blobs in learned for blob in blobs]
