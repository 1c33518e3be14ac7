"""How a training went, from its log alone: what drove G, how far it swung, and what was chance.

A log is the records of log.jsonl, as `log.read_log` and `experiments.Result` hold them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

Log = Sequence[Mapping[str, Any]]

# With fewer checks, we say nothing about oscillation: a line through two points fits exactly.
MIN_CHECKS = 5


class Curve(NamedTuple):
    """A logged value over a run: iterations and values, both `(n,)`."""

    iterations: np.ndarray
    values: np.ndarray


def curve(log: Log, key: str) -> Curve:
    """The records that have `key`, in order: empty where none has."""
    points = [(record["iteration"], record[key]) for record in log if key in record]
    iterations, values = zip(*points, strict=True) if points else ((), ())
    return Curve(np.array(iterations, int), np.array(values, float))


def pull(log: Log) -> Curve:
    """D's pull: the adversarial gradient at G's output over L2's; empty without D.

    It is the ratio of the two norms, lambda included. Each value is for one batch.
    """
    adversarial, l2 = curve(log, "grad_adversarial"), curve(log, "grad_l2")
    if not len(adversarial.values):
        return adversarial
    return Curve(l2.iterations, adversarial.values / l2.values)


def adversarial_share(log: Log) -> Curve:
    """The adversarial term's share of the gradient at G's output, in [0, 1]; empty without D.

    It is taken from the norms of both terms' gradients: at 0.5 they push G equally hard, at 1 only
    D does. Norms do not tell in which directions they push. Each value is for one batch.
    """
    iterations, times = pull(log)
    return Curve(iterations, times / (1 + times))


def medians(values: np.ndarray, parts: int) -> list[float]:
    """The medians of `values` `(n,)` over successive parts of equal length, at most n of them.

    They are medians because single batches give outliers.
    """
    pieces = np.array_split(values, min(parts, len(values))) if len(values) else []
    return [float(np.median(piece)) for piece in pieces]


@dataclass(frozen=True)
class Oscillation:
    """How a value swings from one validation to the next, in the value's own unit.

    Attributes:
        largest, mean: of the absolute changes from one check to the next, over the whole run. They
            tell how much one gains or loses by stopping a check earlier or later. But early
            learning counts as change, too, and so does a steady rise.
        spread: the standard deviation of the last half around the line fitted to it. The line takes
            out what is still being learned, so a run that rises steadily has no spread. The first
            half is left out because learning there is fast and far from linear. The fit's two
            degrees of freedom are accounted for, so that runs with different numbers of checks can
            be compared.
    """

    largest: float
    mean: float
    spread: float


def oscillation(checks: Curve) -> Oscillation | None:
    """How far a validated value swings; None with fewer than `MIN_CHECKS` checks."""
    if len(checks.values) < MIN_CHECKS:
        return None
    changes = np.abs(np.diff(checks.values))
    half = len(checks.values) // 2
    iterations, values = checks.iterations[half:], checks.values[half:]
    line = np.polynomial.Polynomial.fit(iterations, values, 1)
    residuals = values - line(iterations)
    spread = np.sqrt(np.square(residuals).sum() / (len(values) - 2))
    return Oscillation(float(changes.max()), float(changes.mean()), float(spread))


class SeedSpread(NamedTuple):
    """A value over trainings that differ only in their seed."""

    mean: float
    deviation: float  # the sample's, by n - 1
    seeds: int


def across_seeds(values: Iterable[float]) -> SeedSpread | None:
    """Mean and standard deviation of one value per seed; None with fewer than two seeds."""
    array = np.array(list(values), float)
    if len(array) < 2:
        return None
    return SeedSpread(float(array.mean()), float(array.std(ddof=1)), len(array))
