"""Compares ways to colour a face: the generator, strokes of its true colours, examples, and both.

Strokes stand for a person who knows the colours: single pixels, drawn at random, with the
original's chroma, which `StrokeSpreader` spreads. Examples are training faces: the one nearest in
luminance, and a random one.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from skimage.color import deltaE_ciede2000

from colorgan.faces.database import FaceDatabase
from colorgan.faces.finding.alignment import points_in_crop
from colorgan.luminance import chroma_of, gray_from_bgr, in_unit_range, with_chroma
from colorgan.measuring.figures.faces import FaceGroup, face_figure
from colorgan.measuring.markdown import markdown_table
from colorgan.measuring.quality.evaluation import mean_and_error
from colorgan.measuring.quality.metrics import ciede2000, colorfulness, lab_from_bgr, psnr
from colorgan.nets.generators import Generator
from colorgan.phases import timed
from colorgan.photos.coloring.reference import Reference
from colorgan.photos.coloring.strokes import StrokeSpreader

POINTS = (0, 1, 3, 10, 30, 100)
SEED = 2004
EDGE_SHARE = 0.1  # of the pixels, those where the original's chroma is steepest, count as edges

_CHUNK = 1024  # training faces that are searched at a time: 16 MB of float32 at 64x64


@dataclass(frozen=True)
class Subject:
    """A face to colour: its gray image `(h, w)`, and what the methods may use.

    `real`, `nearest` and `random` are uint8 BGR `(3, h, w)`: the original, and two training faces.
    """

    number: int
    gray: np.ndarray
    real: np.ndarray
    nearest: np.ndarray
    random: np.ndarray

    def strokes(self, count: int) -> tuple[np.ndarray, np.ndarray]:
        """The original's chroma `(2, h, w)`, and `count` points of it, bool `(h, w)`.

        The points of a smaller count are among those of a larger one.
        """
        order = np.random.default_rng([SEED, self.number]).permutation(self.gray.size)
        mask = np.zeros(self.gray.size, bool)
        mask[order[:count]] = True
        return chroma_of(in_unit_range(self.real)[np.newaxis])[0], mask.reshape(self.gray.shape)


@dataclass(frozen=True)
class Method:
    """A way to colour: `chroma` returns a subject's Cb and Cr `(2, h, w)`."""

    key: str
    name: str
    chroma: Callable[[Subject], np.ndarray]
    points: int | None = None

    def colorize(self, subject: Subject) -> np.ndarray:
        """The coloured face, uint8 BGR `(3, h, w)`, with its own luminance."""
        return with_chroma(subject.gray, self.chroma(subject)).transpose(2, 0, 1)


def strokes(count: int) -> Method:
    """`count` strokes and nothing else; what they do not reach stays gray."""

    def chroma(subject: Subject) -> np.ndarray:
        return StrokeSpreader(subject.gray).spread(*subject.strokes(count))

    return Method("strokes", "strokes", chroma, count)


NEAREST = Method("nearest", "example, the nearest face", lambda s: _after(s.nearest, s.gray))


def all_methods(generator: Generator) -> list[Method]:
    """What is compared, in the order of the table."""

    def generated(subject: Subject) -> np.ndarray:
        return chroma_of(generator.colorize(subject.gray[np.newaxis]))[0]

    def corrected(count: int) -> Callable[[Subject], np.ndarray]:
        def chroma(subject: Subject) -> np.ndarray:
            spreader = StrokeSpreader(subject.gray)
            return spreader.spread(*subject.strokes(count), base=generated(subject))

        return chroma

    return [
        Method("best", "`best`", generated),
        *map(strokes, POINTS),
        *(Method("best_strokes", "`best`, strokes", corrected(count), count) for count in POINTS),
        NEAREST,
        Method("random", "example, a random face", lambda s: _after(s.random, s.gray)),
    ]


def _after(reference: np.ndarray, gray: np.ndarray) -> np.ndarray:
    """Chroma for a face after another, uint8 BGR `(3, h, w)`: both as CelebA's crop."""
    points = points_in_crop(len(gray))
    return Reference(reference.transpose(1, 2, 0), points).chroma_for(gray, points)


def subjects(test: FaceDatabase, train: FaceDatabase, indices: Sequence[int]) -> Iterator[Subject]:
    """The test faces at `indices`, each with its two training faces."""
    real = test.faces(indices)
    gray = gray_from_bgr(real)
    numbers = test.numbers(indices)
    nearest = nearest_faces(train, gray)
    for at, number in enumerate(numbers):
        random = np.random.default_rng([SEED, number]).integers(len(train))
        examples = train.faces(np.array([nearest[at], random]))
        yield Subject(number, gray[at], real[at], *examples)


def nearest_faces(train: FaceDatabase, gray: np.ndarray) -> np.ndarray:
    """Indices, int `(n,)`, of the faces of `train` nearest to the gray ones, by least squares."""
    wanted = _flat(gray)
    least = np.full(len(gray), np.inf)
    nearest = np.zeros(len(gray), int)
    for start in range(0, len(train), _CHUNK):
        known = _flat(gray_from_bgr(train.faces(range(start, min(start + _CHUNK, len(train))))))
        # The square of the wanted face is left out, as it is the same for all.
        squares = np.square(known).sum(axis=1) - 2 * wanted @ known.T
        found = squares.min(axis=1)
        nearest = np.where(found < least, start + squares.argmin(axis=1), nearest)
        least = np.minimum(found, least)
    return nearest


def _flat(gray: np.ndarray) -> np.ndarray:
    return in_unit_range(gray).reshape(len(gray), -1)


def compare_methods(generator: Generator, faces: Iterable[Subject]) -> dict:
    """Colour all faces by all methods: the means, and their standard errors, for JSON."""
    methods = all_methods(generator)
    measured, true_colorfulness, numbers = [], [], []
    for subject in faces:
        outputs, seconds = zip(
            *(timed(method.colorize, subject) for method in methods), strict=True
        )
        measured.append(_measured(np.stack(outputs), subject.real) | {"seconds": seconds})
        true_colorfulness.append(colorfulness(subject.real[np.newaxis])[0])
        numbers.append(subject.number)
    values = {key: np.array([one[key] for one in measured]) for key in measured[0]}
    rows = []
    for at, method in enumerate(methods):
        means = {key: mean_and_error(found[:, at]) for key, found in values.items()}
        ratio = means["colorfulness"]["mean"] / np.mean(true_colorfulness)
        row = {"key": method.key, "name": method.name, "points": method.points}
        rows.append(row | means | {"colorfulness_ratio": float(ratio)})
    return {
        "faces": len(numbers),
        "first_image": numbers[0],
        "last_image": numbers[-1],
        "seed": SEED,
        "methods": rows,
        "points_that_best_is_worth": {key: worth(rows, key) for key in ("psnr", "ciede2000")},
    }


def _measured(outputs: np.ndarray, real: np.ndarray) -> dict[str, np.ndarray]:
    """Metrics of outputs `(n, 3, h, w)` of one face `(3, h, w)`: arrays `(n,)` by key."""
    truth = np.broadcast_to(real, outputs.shape)
    difference = deltaE_ciede2000(lab_from_bgr(outputs), lab_from_bgr(truth))
    return {
        "psnr": psnr(outputs, truth),
        "ciede2000": difference.mean(axis=(1, 2)),
        "ciede2000_at_edges": difference[:, color_edges(real)].mean(axis=1),
        "colorfulness": colorfulness(outputs),
    }


def color_edges(bgr: np.ndarray, within: np.ndarray | None = None) -> np.ndarray:
    """Where the chroma of a picture, uint8 BGR `(3, h, w)`, is steepest: bool `(h, w)`.

    Only pixels in `within`, bool `(h, w)`, are looked at; by default all.
    """
    chroma = chroma_of(in_unit_range(bgr)[np.newaxis])[0]
    steepness = np.square(np.gradient(chroma, axis=(1, 2))).sum(axis=(0, 1))
    looked_at = np.ones_like(steepness, bool) if within is None else within
    return looked_at & (steepness >= np.quantile(steepness[looked_at], 1 - EDGE_SHARE))


def worth(rows: list[dict], key: str) -> float | None:
    """How many points alone are as good as `best`, interpolated; None if more than were tried.

    `rows` are the methods of the result. Between two counts n, a metric is taken as linear in the
    logarithm of 1 + n.
    """
    (best,) = (row[key]["mean"] for row in rows if row["key"] == "best")
    strokes = [(row["points"], row[key]["mean"]) for row in rows if row["key"] == "strokes"]
    sign = 1 if strokes[-1][1] > strokes[0][1] else -1  # makes more better
    for (fewer, worse), (more, better) in zip(strokes, strokes[1:], strict=False):
        if sign * worse <= sign * best <= sign * better:
            share = (best - worse) / (better - worse) if better != worse else 0
            return float(np.expm1(np.interp(share, (0, 1), np.log1p((fewer, more)))))
    return None


def table(result: dict) -> str:
    """The result as a Markdown table."""
    headings = ["", "points", "PSNR", "CIEDE2000", "at colour edges", "colour", "ms a face"]
    rows = [
        [
            row["name"],
            "" if row["points"] is None else str(row["points"]),
            *(f"{row[key]['mean']:.2f}" for key in ("psnr", "ciede2000", "ciede2000_at_edges")),
            f"{row['colorfulness_ratio']:.2f}",
            f"{1000 * row['seconds']['mean']:.0f}",
        ]
        for row in result["methods"]
    ]
    return markdown_table(headings, rows)


SHOWN_POINTS = 10
SHOWN = {
    "best": "best",
    "strokes": f"{SHOWN_POINTS} points",
    "best_strokes": "both",
    "nearest": "after it",
}


def draw_methods(generator: Generator, faces: Sequence[Subject], rule: str) -> np.ndarray:
    """Draw faces as some of the methods colour them, one per row: uint8 BGR `(h, w, 3)`.

    `rule` says which faces these are. Below each is the CIEDE2000 of `best` with strokes.
    """
    rows = {"gray": np.stack([face.gray for face in faces])}
    for method in all_methods(generator):
        if method.key in SHOWN and method.points in (None, SHOWN_POINTS):
            if method.key == "nearest":
                rows["nearest"] = np.stack([face.nearest for face in faces])
            rows[SHOWN[method.key]] = np.stack([method.colorize(face) for face in faces])
    rows["original"] = np.stack([face.real for face in faces])
    values = ciede2000(rows["both"], rows["original"])
    caption = f"{rule};\nbelow each, the mean CIEDE2000 to the original of the row 'both'."
    return face_figure([FaceGroup("", rows, values)], caption)


def without_generator(faces: Sequence[Subject]) -> dict[str, np.ndarray]:
    """Faces coloured by strokes alone, and by the nearest training face: rows of a figure."""
    shown = {SHOWN["strokes"]: strokes(SHOWN_POINTS), "example": NEAREST}
    return {
        label: np.stack([method.colorize(face) for face in faces])
        for label, method in shown.items()
    }
