"""The paper's claims, each as a comparison of two numbers from the experiments' results."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from colorgan.measuring.markdown import markdown_table
from colorgan.measuring.trainings.dynamics import (
    across_seeds,
    adversarial_share,
    curve,
    oscillation,
)
from colorgan.measuring.trainings.experiments import Result

# The same training from several seeds, with D and without. What was trained only once (the wider
# nets, the other variants, the Wasserstein GAN) is assumed to vary as much.
SEEDS = {
    "gan": ("small", "small-seed2", "small-seed3"),
    "l2": ("small-l2", "small-l2-seed2", "small-l2-seed3"),
}
CLEAR = 2.0  # how many standard deviations of chance a difference must have to count

Value = Callable[[Result], float | None]


def metric(result: Result, key: str, output: str = "model") -> float:
    """A mean over the test faces from metrics.json, for the model's output or a baseline's."""
    value = result.metrics["outputs"][output][key]
    return value["mean"] if isinstance(value, dict) else value


def edge_change(result: Result) -> float:
    """How far edges are from being as sharp as the input's, blurred or overdone; 0 if kept."""
    return abs(1 - metric(result, "edge_sharpness"))


def late_adversarial_share(result: Result) -> float | None:
    """The median of the adversarial share in the last half of a run; None without D."""
    share = adversarial_share(result.log).values
    return float(np.median(share[len(share) // 2 :])) if len(share) else None


def psnr_swing(result: Result) -> float | None:
    """The spread of validation PSNR in dB, as in `dynamics.Oscillation`."""
    found = oscillation(curve(result.log, "val_psnr"))
    return found.spread if found else None


@dataclass(frozen=True)
class Measure:
    """What two results are compared by: its name, the digits to show, and how to get it."""

    name: str
    digits: int
    value: Value


@dataclass(frozen=True)
class Side:
    """One side of a comparison: a name, the experiment it comes from, and how to get the number."""

    name: str
    experiment: str
    value: Value


@dataclass(frozen=True)
class Claim:
    """Something that the paper says; it is true if `more` is the larger number."""

    text: str
    measure: Measure
    more: Side
    less: Side


@dataclass(frozen=True)
class Verdict:
    """What the results say of a claim.

    `chance` is the standard deviation over seeds of the difference between `more` and `less`; None
    where too few were trained. `text` is "holds", "does not hold", or "undecided" where the
    difference is less than `CLEAR` times that.
    """

    more: float
    less: float
    chance: float | None
    text: str


def judge(claim: Claim, results: Mapping[str, Result]) -> Verdict | None:
    """Compare a claim's two sides; None where a result is missing or lacks the number."""
    sides = (claim.more, claim.less)
    if any(side.experiment not in results for side in sides):
        return None
    more, less = (side.value(results[side.experiment]) for side in sides)
    if more is None or less is None:
        return None
    of_more, of_less = (_deviation(side, results) for side in sides)
    chance = None if of_more is None or of_less is None else float(np.hypot(of_more, of_less))
    if chance is not None and abs(more - less) < CLEAR * chance:
        text = "undecided"
    else:
        text = "holds" if more > less else "does not hold"
    return Verdict(more, less, chance, text)


def _deviation(side: Side, results: Mapping[str, Result]) -> float | None:
    """The standard deviation of a side's number over the seeds of its kind of training."""
    seeds = SEEDS["l2" if results[side.experiment].config["mode"] == "l2" else "gan"]
    values = [side.value(results[name]) for name in seeds if name in results]
    spread = across_seeds(value for value in values if value is not None)
    return spread.deviation if spread else None


def _side(experiment: str, measure: Measure) -> Side:
    return Side(f"`{experiment}`", experiment, measure.value)


def _claim(text: str, measure: Measure, *, more: str, less: str) -> Claim:
    """A claim on the same measure of two experiments."""
    return Claim(text, measure, _side(more, measure), _side(less, measure))


LUMINANCE = Measure("luminance kept, dB", 2, lambda result: metric(result, "luminance_psnr"))
EDGES = Measure("edge sharpness, distance from 1", 3, edge_change)
AB_ERROR = Measure("Lab ab error", 2, lambda result: metric(result, "ab_error"))
COLOR = Measure("colourfulness / truth's", 2, lambda result: metric(result, "colorfulness_ratio"))
SHARE = Measure("adversarial share of the gradient, last half", 2, late_adversarial_share)
SWING = Measure("spread of validation PSNR, dB", 2, psnr_swing)

DETAIL_L2 = "Maps of constant size keep the detail that an encoder-decoder loses under L2"
DETAIL_GAN = "They keep it with D, too"
LESS_COLOR = "L2 alone learns less colour than with D"
WITHOUT_D = "What learns without D has less colour than with D"
DETAIL_SKIPS = "They keep more than pix2pix's encoder-decoder, which hands maps across [7]"
UNCONDITIONAL = "D need not see the gray image, as in [21]"
OSCILLATES = "With D, training oscillates more than with L2 alone"
GRAY_INPUT = Side("gray input", "l2", lambda result: metric(result, "ab_error", "gray"))
CLAIMS = (
    _claim(DETAIL_L2, LUMINANCE, more="small-l2", less="small-autoencoder-l2"),
    _claim(DETAIL_L2, EDGES, more="small-autoencoder-l2", less="small-l2"),
    _claim(DETAIL_GAN, LUMINANCE, more="small", less="small-autoencoder"),
    _claim(DETAIL_GAN, EDGES, more="small-autoencoder", less="small"),
    _claim(DETAIL_SKIPS, LUMINANCE, more="small", less="pix2pix"),
    _claim(DETAIL_SKIPS, EDGES, more="pix2pix", less="small"),
    Claim("L2 alone finds the main tone", AB_ERROR, GRAY_INPUT, _side("l2", AB_ERROR)),
    _claim(LESS_COLOR, COLOR, more="paper", less="l2"),
    _claim(LESS_COLOR, COLOR, more="small", less="small-l2"),
    _claim(f"{WITHOUT_D}: features and squares [8]", COLOR, more="small", less="cheng"),
    _claim(f"{WITHOUT_D}: histograms [13]", COLOR, more="small", less="larsson"),
    _claim(f"{WITHOUT_D}: classes [14]", COLOR, more="small", less="zhang"),
    Claim(
        "D drives what G learns",
        SHARE,
        _side("paper", SHARE),
        Side("half", "paper", lambda _: 0.5),
    ),
    _claim(UNCONDITIONAL, AB_ERROR, more="small-conditional", less="small"),
    _claim(OSCILLATES, SWING, more="paper", less="l2"),
    _claim(OSCILLATES, SWING, more="small", less="small-l2"),
    _claim("A Wasserstein GAN is steadier: future work", SWING, more="small", less="small-wgan"),
)

# The columns of a table of claims.
HEADINGS = ("claim", "measured by", "should be more", "should be less", "chance", "verdict")


def table(results: Mapping[str, Result]) -> str:
    """`rows` under `HEADINGS` as one Markdown table."""
    return markdown_table(HEADINGS, rows(results), text_columns=len(HEADINGS))


def rows(results: Mapping[str, Result]) -> list[list[str]]:
    """One row of cells for each claim, under `HEADINGS`; where results are missing, it says so."""
    return [_row(claim, judge(claim, results)) for claim in CLAIMS]


def _row(claim: Claim, verdict: Verdict | None) -> list[str]:
    measure = claim.measure
    if verdict is None:
        return [claim.text, measure.name, claim.more.name, claim.less.name, "", "not run"]
    more = f"{claim.more.name} {verdict.more:.{measure.digits}f}"
    less = f"{claim.less.name} {verdict.less:.{measure.digits}f}"
    chance = "" if verdict.chance is None else f"{verdict.chance:.{measure.digits}f}"
    return [claim.text, measure.name, more, less, chance, verdict.text]
