"""How close a face's colours come to the original where the photo has more pixels than the net.

CelebA's crops, 178 pixels wide or made smaller, stand for faces in photos. Each net sees them at
its own size, and its chroma is laid back over the photo. So is the original's own chroma of that
size, which shows the best that a net of that size could reach.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from colorgan.faces.database import FaceDatabase
from colorgan.faces.finding.alignment import cut_crop, cut_face, face_similarity, points_in_crop
from colorgan.luminance import chroma_of, in_unit_range, stretched
from colorgan.measuring.markdown import markdown_table
from colorgan.measuring.quality.evaluation import mean_and_error
from colorgan.measuring.quality.methods import color_edges
from colorgan.measuring.quality.metrics import colorfulness
from colorgan.nets.generators import Generator
from colorgan.phases import timed
from colorgan.photos.coloring.heads import oval_opacity
from colorgan.photos.coloring.painting import Layer, even_layer, paint, refined_layer

FACES_A_BATCH = 16


@dataclass(frozen=True)
class Photo:
    """A face that fills a photo as CelebA's crop does: uint8 BGR `(w, w, 3)` and gray `(w, w)`."""

    bgr: np.ndarray
    gray: np.ndarray

    @property
    def points(self) -> np.ndarray:
        """The five points of the face, `(5, 2)`."""
        return points_in_crop(len(self.gray))[0]


@dataclass(frozen=True)
class Way:
    """A way to colour faces: a net that sees `side` pixels, or the original at that size.

    `colorize` takes gray faces, uint8 `(n, side, side)`; None stands for the original.
    """

    name: str
    side: int
    colorize: Callable[[np.ndarray], np.ndarray] | None = None

    def chroma(self, photos: Sequence[Photo]) -> np.ndarray:
        """Cb and Cr of each photo's face, float32 `(n, 2, side, side)`."""
        if self.colorize is None:
            small = [cut_face(photo.bgr, photo.points, self.side) for photo in photos]
            return chroma_of(in_unit_range(np.stack(small)).transpose(0, 3, 1, 2))
        seen = [stretched(cut_face(photo.gray, photo.points, self.side)) for photo in photos]
        return chroma_of(self.colorize(np.stack(seen)))


def ways_of(nets: Iterable[tuple[str, Generator, int]]) -> list[Way]:
    """What is compared: nets, each with its name and side, and the original at the same sides."""
    known = [Way(name, side, net.colorize) for name, net, side in nets]
    return [*known, *(Way("original", side) for side in sorted({way.side for way in known}))]


def photos(faces: FaceDatabase, indices: Sequence[int], width: int) -> Iterator[list[Photo]]:
    """The faces at `indices` as photos `width` pixels wide, some at a time."""
    for start in range(0, len(indices), FACES_A_BATCH):
        crops = np.moveaxis(faces.faces(indices[start : start + FACES_A_BATCH]), 1, -1)
        bgr = [cv2.resize(one, (width, width), interpolation=cv2.INTER_AREA) for one in crops]
        yield [Photo(one, cv2.cvtColor(one, cv2.COLOR_BGR2GRAY)) for one in bgr]


def painted(photo: Photo, chroma: np.ndarray, filtered: bool) -> np.ndarray:
    """A photo with its face's chroma `(2, h, w)` all over it, uint8 BGR `(w, w, 3)`.

    `filtered` fits the chroma to the photo, as `colorgan colorize` does; else it is enlarged alone.
    """
    similarity = face_similarity(photo.points)
    guide = in_unit_range(cut_crop(photo.gray, similarity))
    opacity = np.ones_like(guide)
    if filtered:
        return paint(photo.gray, [refined_layer(chroma, guide, opacity, similarity)])
    large = cv2.resize(chroma.transpose(1, 2, 0), guide.shape, interpolation=cv2.INTER_CUBIC)
    maps = even_layer(large.transpose(2, 0, 1)).maps
    return paint(photo.gray, [Layer(maps, opacity, similarity)])


def measured(photo: Photo, colored: np.ndarray) -> dict[str, float]:
    """Measure how good a coloured photo, uint8 BGR `(w, w, 3)`, is.

    The errors are distances of its chroma from the original's, in percent of the range of Cb and of
    Cr: their mean, that at the original's colour edges, and that at edges in an oval of the head.
    """
    real, fake = (planar(picture) for picture in (photo.bgr, colored))
    off = chroma_of(in_unit_range(fake)) - chroma_of(in_unit_range(real))
    distance = 100 * np.hypot(*off[0])
    head = cv2.resize(oval_opacity(), distance.shape) > 0.5
    return {
        "error": distance.mean(),
        "at_edges": distance[color_edges(real[0])].mean(),
        "at_edges_of_head": distance[color_edges(real[0], head)].mean(),
        "colorfulness": colorfulness(fake)[0],
    }


def planar(bgr: np.ndarray) -> np.ndarray:
    """A picture `(h, w, 3)` in the shape that metrics take: `(1, 3, h, w)`."""
    return np.ascontiguousarray(bgr.transpose(2, 0, 1))[np.newaxis]


def measure_resolution(
    ways: Sequence[Way], faces: FaceDatabase, indices: Sequence[int], width: int
) -> list[dict]:
    """Colour faces that are `width` pixels wide in their photos, in all ways; rows for JSON.

    There is a row for each way with the guided filter, and one without it. All means come with
    standard errors. `difference` is how much the error exceeds the first row's, face by face.
    """
    rows: dict[tuple[Way, bool], list[dict[str, float]]]
    rows = {(way, filtered): [] for way in ways for filtered in (True, False)}
    real, seconds = [], dict.fromkeys(ways, 0.0)
    for some in photos(faces, indices, width):
        real += [colorfulness(planar(photo.bgr))[0] for photo in some]
        for way in ways:
            chroma, taken = timed(way.chroma, some)
            seconds[way] += taken
            for filtered in (True, False):
                rows[way, filtered] += [
                    measured(photo, painted(photo, one, filtered))
                    for photo, one in zip(some, chroma, strict=True)
                ]
    values = {
        row: {key: np.array([one[key] for one in found]) for key in found[0]}
        for row, found in rows.items()
    }
    first = next(iter(values.values()))
    return [
        {
            "width": width,
            "name": way.name,
            "side": way.side,
            "filtered": filtered,
            **{key: mean_and_error(array) for key, array in found.items()},
            "difference": mean_and_error(found["error"] - first["error"]),
            "colorfulness_ratio": float(found["colorfulness"].mean() / np.mean(real)),
            "seconds": seconds[way] / len(real),
        }
        for (way, filtered), found in values.items()
    ]


def table(rows: Iterable[dict]) -> str:
    """The rows as a Markdown table, with a line for each way and width."""
    headings = [
        "chroma of", "face, pixels", "error", "at colour edges", "at the head's", "difference",
        "colour", "no filter: error", "no filter: at edges", "ms a face",
    ]  # fmt: skip
    by_way: dict[tuple, dict[bool, dict]] = {}
    for row in rows:
        by_way.setdefault((row["name"], row["side"], row["width"]), {})[row["filtered"]] = row
    cells = [
        [
            f"`{name}`, {side} x {side}",
            str(width),
            *(f"{row[True][key]['mean']:.3f}" for key in ("error", "at_edges", "at_edges_of_head")),
            "{mean:+.3f} ± {standard_error:.3f}".format(**row[True]["difference"]),
            f"{row[True]['colorfulness_ratio']:.2f}",
            *(f"{row[False][key]['mean']:.3f}" for key in ("error", "at_edges")),
            f"{1000 * row[True]['seconds']:.0f}",
        ]
        for (name, side, width), row in by_way.items()
    ]
    return markdown_table(headings, cells)
