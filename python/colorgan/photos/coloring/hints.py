"""Colours that a person gives for places in a photo: strokes painted over it, and single points.

Only the chroma of a stroke's colour counts, since the photo keeps its luminance. A gray stroke
keeps its place gray.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

import cv2
import numpy as np

from colorgan.luminance import chroma_of, eight_bits, in_unit_range

_POINT_RADIUS = 0.005  # of a point's disc, as a share of the photo's longer side (assumed)
_LONGEST = 1024  # most pixels a side; colours are spread at a lower resolution than this


@dataclass(frozen=True)
class Point:
    """A colour at one place of an upright photo."""

    x: int
    y: int
    """In pixels from the left and from the top."""
    bgr: tuple[int, int, int]
    """0 to 255 each."""


@dataclass(frozen=True)
class Hints:
    """Which places of a photo a person has given a colour, and the colour, pixel by pixel.

    For a photo of more than 1,024 pixels a side they are scaled down to that.

    ValueError for arrays of other shapes or types, and for an empty mask.
    """

    chroma: np.ndarray
    """float32 `(2, h, w)`: Cb and Cr, in [-0.5, 0.5]; meaningless outside of the mask."""
    mask: np.ndarray
    """bool `(h, w)`: the places that were given a colour."""

    def __post_init__(self) -> None:
        chroma, mask = self.chroma, self.mask
        kinds = [type(part).__name__ for part in (chroma, mask)]
        if kinds != ["ndarray", "ndarray"]:
            raise ValueError(f"got chroma {kinds[0]} and mask {kinds[1]}, not NumPy arrays")
        if chroma.dtype != np.float32 or mask.dtype != bool or chroma.shape != (2, *mask.shape):
            raise ValueError(
                f"got chroma {chroma.dtype} {chroma.shape} and mask {mask.dtype} {mask.shape}, "
                "not float32 (2, h, w) and bool (h, w)"
            )
        if not mask.any():
            raise ValueError("holds no stroke; all of it is transparent")
        if not (np.abs(chroma[:, mask]) <= 0.5001).all():
            raise ValueError("got chroma outside of [-0.5, 0.5]")

    @classmethod
    def of_picture(cls, bgra: np.ndarray, shape: tuple[int, int]) -> Self:
        """Take strokes from a picture of them, for a photo of `shape`, `(h, w)`.

        `bgra` is `(h, w, 4)`, uint8 or uint16, with the photo's proportions; pixels at least half
        opaque are strokes. ValueError for other pictures, and where all of it or none is a stroke.
        """
        if bgra.dtype not in (np.uint8, np.uint16) or bgra.ndim != 3 or bgra.shape[2] != 4:
            raise ValueError(f"got {bgra.dtype} {bgra.shape}, not uint8 or uint16 (h, w, 4), BGRA")
        if not _alike(bgra.shape[:2], shape):
            (height, width), (h, w) = bgra.shape[:2], shape
            raise ValueError(
                f"{width} x {height} pixels do not have the proportions of the photo, {w} x {h}"
            )
        is_stroke = bgra[..., 3] >= np.iinfo(bgra.dtype).max / 2
        if is_stroke.all():
            raise ValueError("is opaque all over; leave it transparent where there is no stroke")
        strokes = np.zeros((*is_stroke.shape, 4), np.uint8)
        strokes[is_stroke] = eight_bits(bgra[is_stroke])
        strokes[is_stroke, 3] = 255
        return cls._of_strokes(_resized(strokes, _hints_shape(shape)))

    @classmethod
    def of_points(cls, points: Iterable[Point], shape: tuple[int, int]) -> Self:
        """A small disc around each point, later ones over earlier ones, for a photo of `shape`.

        ValueError for a point outside of the photo.
        """
        height, width = shape
        strokes = np.zeros((*_hints_shape(shape), 4), np.uint8)
        longest = max(strokes.shape[:2])
        scale, radius = longest / max(shape), round(_POINT_RADIUS * longest)
        for point in points:
            if not (0 <= point.x < width and 0 <= point.y < height):
                raise ValueError(
                    f"{point.x},{point.y} is outside of the photo, {width} x {height} pixels"
                )
            centre = int((point.x + 0.5) * scale), int((point.y + 0.5) * scale)
            cv2.circle(strokes, centre, radius, (*point.bgr, 255), cv2.FILLED)
        return cls._of_strokes(strokes)

    def fit(self, shape: tuple[int, int]) -> bool:
        """Whether they have the proportions of a photo of `shape`."""
        return _alike(self.mask.shape, shape)

    @classmethod
    def _of_strokes(cls, bgra: np.ndarray) -> Self:
        """Take every pixel that is not fully transparent; edges, scaled down, are so in part."""
        mask = bgra[..., 3] > 0
        levels = in_unit_range(bgra[mask]).T
        chroma = np.zeros((2, *mask.shape), np.float32)
        chroma[:, mask] = chroma_of((levels[:3] / levels[3])[np.newaxis, ..., np.newaxis])[
            0, ..., 0
        ]
        return cls(chroma, mask)

    @classmethod
    def joined(cls, several: Sequence[Self]) -> Self:
        """All hints of one photo as one, later ones over earlier ones."""
        chroma, mask = several[0].chroma.copy(), several[0].mask.copy()
        for hints in several[1:]:
            np.copyto(chroma, hints.chroma, where=hints.mask)
            mask |= hints.mask
        return cls(chroma, mask)


def _alike(shape: tuple[int, int], photo: tuple[int, int]) -> bool:
    """Whether two shapes have the same proportions, apart from rounding to whole pixels."""
    (height, width), (h, w) = shape, photo
    return abs(height * w - width * h) <= max(*shape, *photo)


def _hints_shape(photo: tuple[int, int]) -> tuple[int, int]:
    """The shape of the hints for a photo: its own, unless it is large."""
    scale = min(1, _LONGEST / max(photo))
    return max(1, round(photo[0] * scale)), max(1, round(photo[1] * scale))


def _resized(strokes: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Strokes, black and transparent elsewhere, in another size."""
    grows = strokes.shape[0] < shape[0]
    kind = cv2.INTER_NEAREST if grows else cv2.INTER_AREA
    return cv2.resize(strokes, shape[::-1], interpolation=kind)
