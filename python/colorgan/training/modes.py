"""The modes of training: each one's step, and the nets and solvers that it needs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from colorgan.nets.prototxt import (
    CRITIC_PROTOTXT,
    DISCRIMINATOR_PROTOTXT,
    PAPERS_SOLVERS,
    WASSERSTEIN_SOLVERS,
)
from colorgan.training.steps import GanTraining, L2Training, WassersteinTraining


@dataclass(frozen=True)
class Mode:
    """One way to train G.

    Attributes:
        training: makes the step, from a solver for each player, the times and its own options.
        solvers: each player's solver unless an option names another, G's first.
        discriminator: likewise, the net of D or of what replaces it; None where there is none.
        own_options: the options that only this mode has, with the values of its source.
    """

    training: Callable[..., L2Training]
    solvers: Mapping[str, Path]
    discriminator: Path | None = None
    own_options: Mapping[str, Any] = field(default_factory=dict)


MODES = {
    # Formulas (3) and (4).
    "gan": Mode(GanTraining, PAPERS_SOLVERS, DISCRIMINATOR_PROTOTXT),
    # The first term of (3) alone: Figure 4a. Or whatever losses G's net has in its place.
    "l2": Mode(L2Training, {"generator": PAPERS_SOLVERS["generator"]}),
    # A critic in place of D, the paper's outlook; values of Arjovsky, Chintala and Bottou 2017.
    "wgan": Mode(
        WassersteinTraining,
        WASSERSTEIN_SOLVERS,
        CRITIC_PROTOTXT,
        {"n_critic": 5, "weight_clip": 0.01},
    ),
}
