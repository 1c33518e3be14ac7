"""Where the colouriser fails: its errors against what can be measured on each face.

Attributes are float64, one for each face, `(n,)`. They are measured on the gray image, since the
network sees nothing else; only the lightness of the skin is the original's. Regions are the same
for all faces, in fractions of the crop's side, since CelebA aligns eyes and mouths.
"""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from scipy.stats import spearmanr

from colorgan.errors import UserError
from colorgan.faces.celeba.landmarks import yaw
from colorgan.faces.finding.detector import FaceDetector
from colorgan.files import write_whole
from colorgan.luminance import gray_from_bgr
from colorgan.measuring.figures.canvas import BLUE, GRAY, STYLE
from colorgan.measuring.quality.evaluation import PER_IMAGE_FILE
from colorgan.measuring.quality.metrics import Results
from colorgan.measuring.quality.skin import skin_lightness

BINS = 5
MAKE_IT = "make it with colorgan evaluate"
ERROR = "ciede2000"  # the metric that attributes are correlated with
AVERAGE_FACE = "average_face_ciede2000"  # the same with an average face's colour on the same gray

# From brow to chin, between the outer corners of the eyes: narrow, to stay inside turned heads.
# With an ellipse half as wide again, unevenness would depend more on the turn (rank correlation
# 0.20 instead of 0.12 on 300 test faces).
FACE_CENTER = (32 / 64, 40 / 64)  # x, y
FACE_SEMI_AXES = (8 / 64, 14 / 64)


# ----------------------------------------------------------------------------- attributes


@dataclass(frozen=True)
class Attribute:
    """One property of faces: files use `key`, people read `name` and `note`."""

    key: str
    name: str
    digits: int
    note: str


ATTRIBUTES = (
    Attribute(
        "yaw",
        "Turn of the head",
        3,
        "distance of the nose from the line through the midpoints of eyes and mouth, in units of"
        " their distance; 0 from the front",
    ),
    Attribute(
        "light_unevenness",
        "Unevenness of the light",
        3,
        "linear luminance of the face's left and right half: difference over sum",
    ),
    Attribute(
        "contrast",
        "Contrast of the face",
        2,
        "linear luminance within the face: standard deviation over mean",
    ),
    Attribute(
        "skin_lightness",
        "Lightness of the skin",
        1,
        "median CIE L* of cheeks and nose in the original: lightness in the picture, of skin and"
        " light together, and not the skin's own tone",
    ),
)


def light_unevenness(gray: np.ndarray) -> np.ndarray:
    """How unevenly light falls from the sides, in [0, 1], from uint8 gray `(n, h, w)`.

    With l and r the means of the linear luminance in the left and right half of the face:
    `|l - r| / (l + r)`. As luminance is light times reflectance, neither exposure nor the skin's
    own reflectance matters. 0 is even; 0.5 is three times as much light on one side.
    """
    left, right = (_linear(gray[:, half]).mean(axis=1) for half in _face_halves(*gray.shape[1:]))
    total = left + right
    return np.divide(abs(left - right), total, out=np.zeros(len(gray)), where=total > 0)


def contrast(gray: np.ndarray) -> np.ndarray:
    """How harsh the light on the face is, from uint8 gray `(n, h, w)`: at least 0.

    RMS contrast (Peli 1990) of the linear luminance within the face: its standard deviation over
    its mean. Shadows from any side add to it, and so do dark brows, beards and glasses.
    """
    inside = _linear(gray[:, np.logical_or(*_face_halves(*gray.shape[1:]))])
    mean = inside.mean(axis=1)
    return np.divide(inside.std(axis=1), mean, out=np.zeros(len(gray)), where=mean > 0)


def estimated_landmarks(
    detector: FaceDetector, gray: Iterable[np.ndarray]
) -> list[np.ndarray | None]:
    """The five points `(5, 2)` of the surest face in each gray crop; None where none is found."""
    found = (detector.detect(image) for image in gray)
    return [points[0] if len(points) else None for points in found]


def measure_attributes(bgr: np.ndarray, points: Sequence[np.ndarray | None]) -> Results:
    """Every attribute of `ATTRIBUTES` of uint8 originals `(n, 3, h, w)` with their five points.

    `points` has None for a face whose points are unknown; its turn is NaN.
    """
    gray = gray_from_bgr(bgr)
    results = {
        "yaw": np.array([np.nan if face is None else abs(yaw(face)) for face in points]),
        "light_unevenness": light_unevenness(gray),
        "contrast": contrast(gray),
        "skin_lightness": skin_lightness(bgr),
    }
    return {attribute.key: results[attribute.key] for attribute in ATTRIBUTES}


def _face_halves(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Masks `(h, w)` of the left and right half of the ellipse that holds the face."""
    y, x = (np.mgrid[:height, :width] + 0.5) / np.array([height, width]).reshape(2, 1, 1)
    across, down = (
        (place - center) / semi_axis
        for place, center, semi_axis in zip((x, y), FACE_CENTER, FACE_SEMI_AXES, strict=True)
    )
    inside = across**2 + down**2 < 1
    return inside & (across < 0), inside & (across > 0)


def _linear(gray: np.ndarray) -> np.ndarray:
    """Luminance in [0, 1] from uint8 gray, by the sRGB curve; where there is colour, nearly so."""
    encoded = gray / 255
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)


# ----------------------------------------------------------------------------- errors


def read_per_image(folder: Path) -> tuple[list[int], Results]:
    """Read an evaluation's `per_image.csv`: the image numbers, and all other columns by name.

    Raises `UserError` for a file that is missing, or that `colorgan evaluate` did not write.
    """
    path = folder / PER_IMAGE_FILE
    try:
        with path.open(newline="") as file:
            header, *rows = list(csv.reader(file)) or [[]]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: cannot be read ({error}); {MAKE_IT}") from None
    if header[:1] != ["image"] or ERROR not in header or len(set(header)) < len(header):
        raise UserError(f"{path}: its columns are not image, {ERROR} ...; {MAKE_IT}")
    if not rows:
        raise UserError(f"{path}: holds no faces")
    for at, row in enumerate(rows, 2):
        if len(row) != len(header) or not row[0].isdecimal():
            raise UserError(f"{path}, line {at}: not an image number and {len(header) - 1} values")
    numbers = [int(row[0]) for row in rows]
    if len(set(numbers)) < len(numbers):
        raise UserError(f"{path}: lists an image twice")
    try:
        values = np.array([row[1:] for row in rows], np.float64).T
    except ValueError as error:
        raise UserError(f"{path}: {error}") from None
    if not np.isfinite(values).all():
        raise UserError(f"{path}: holds values that are not finite")
    return numbers, dict(zip(header[1:], values, strict=True))


def against(attribute: np.ndarray, metrics: Results) -> dict[str, Any]:
    """How the metrics depend on an attribute; faces whose attribute is NaN are left out.

    "spearman" is the rank correlation of the attribute with CIEDE2000 and its two-sided p-value,
    both None where one of the two is constant. "bins" are `BINS` groups of equal size (within one
    face) in the attribute's order, each with its number of faces, the attribute's range and median,
    and the mean and standard error of each metric. With fewer than two faces per bin, it is empty.
    """
    known = np.flatnonzero(np.isfinite(attribute))
    order = known[np.argsort(attribute[known], kind="stable")]
    groups = np.array_split(order, BINS) if len(order) >= 2 * BINS else []
    return {
        "faces": len(known),
        "spearman": _spearman(attribute[known], metrics[ERROR][known]),
        "bins": [
            {
                "faces": len(group),
                "from": float(attribute[group[0]]),
                "to": float(attribute[group[-1]]),
                "median": float(np.median(attribute[group])),
                "metrics": {key: _mean(values[group]) for key, values in metrics.items()},
            }
            for group in groups
        ],
    }


def _spearman(attribute: np.ndarray, error: np.ndarray) -> dict[str, float | None]:
    if len(attribute) < 3 or np.ptp(attribute) == 0 or np.ptp(error) == 0:
        return {"rho": None, "p": None}
    result = spearmanr(attribute, error)
    return {"rho": float(result.statistic), "p": float(result.pvalue)}


def _mean(values: np.ndarray) -> dict[str, float]:
    error = values.std(ddof=1) / len(values) ** 0.5
    return {"mean": float(values.mean()), "standard_error": float(error)}


# ----------------------------------------------------------------------------- the figure


DRAWN = {AVERAGE_FACE: ("average face", GRAY), ERROR: ("model", BLUE)}


def draw_errors(attributes: dict[str, dict[str, Any]], path: Path) -> None:
    """Draw CIEDE2000 against each attribute to a PNG: a point for each bin, with standard error.

    `attributes` maps keys of `ATTRIBUTES` to what `against` returns. Each point is at its bin's
    median, and the thin line shows the bin's range.
    """
    with rc_context(STYLE):
        figure = Figure(figsize=(2.6 * len(ATTRIBUTES), 2.7), layout="constrained")
        panels = figure.subplots(1, len(ATTRIBUTES), sharey=True)
        for axes, attribute in zip(panels, ATTRIBUTES, strict=True):
            _draw_bins(axes, attributes[attribute.key])
            axes.set_xlabel(attribute.name)
        panels[0].set_ylabel("CIEDE2000")
        points = [
            Line2D([], [], color=color, marker="o", markersize=4, label=name)
            for name, color in DRAWN.values()
        ]
        figure.legend(handles=points, loc="outside right upper")
        picture = io.BytesIO()
        figure.savefig(picture, format="png")
    write_whole(path, picture.getvalue())


def _draw_bins(axes: Axes, result: dict[str, Any]) -> None:
    for one in result["bins"]:
        for key, (_, color) in DRAWN.items():
            error = one["metrics"][key]
            axes.hlines(error["mean"], one["from"], one["to"], color=GRAY, linewidth=0.8)
            axes.errorbar(
                one["median"], error["mean"], error["standard_error"],
                color=color, marker="o", markersize=4,
            )  # fmt: skip
    axes.set_title(spearman_text(result), fontsize=9)


def spearman_text(result: dict[str, Any]) -> str:
    """Spearman's rank correlation of what `against` returned, in words."""
    rho, p = (result["spearman"][key] for key in ("rho", "p"))
    return "no rank correlation" if rho is None else f"rho = {rho:+.2f}, p = {p:.2g}"
