"""What a person says of a photo's colours: strokes painted over it, and single points.

Of a stroke's colour only the chroma counts: the photo keeps its luminance. One in gray says that
its place stays gray.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

import cv2
import numpy as np

from colorgan.luminance import chroma_of, eight_bits, in_unit_range

_POINT_RADIUS = 0.005  # of a point's disc, in longer sides of the photo (assumed)
_LONGEST = 1024  # pixels of a side of hints: colours are spread at fewer


@dataclass(frozen=True)
class Point:
    """A colour at one place of an upright photo."""

    x: int
    y: int
    """In pixels, from 0 at the left and at the top."""
    bgr: tuple[int, int, int]
    """0 to 255 each."""


@dataclass(frozen=True)
class Hints:
    """Where a person has said a colour, and which: in the photo's own pixels.

    Photos of more than 1,024 pixels a side have them in as many, of the same proportions.

    ValueError for arrays of other shapes or types, and where no place is said.
    """

    chroma: np.ndarray
    """float32 `(2, h, w)`: Cb and Cr, in [-0.5, 0.5]; of no meaning outside of the mask."""
    mask: np.ndarray
    """bool `(h, w)`: where."""

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
            raise ValueError("holds no stroke: all of it is transparent")
        if not (np.abs(chroma[:, mask]) <= 0.5001).all():
            raise ValueError("got chroma beyond [-0.5, 0.5]")

    @classmethod
    def of_picture(cls, bgra: np.ndarray, shape: tuple[int, int]) -> Self:
        """Take strokes from a picture of them, for a photo of `shape`, `(h, w)`.

        `bgra` is `(h, w, 4)`, uint8 or uint16, of the photo's size or of its proportions; a stroke
        is what is opaque by half or more. ValueError for other pictures, and those without a
        stroke or without a place that is left free.
        """
        if bgra.dtype not in (np.uint8, np.uint16) or bgra.ndim != 3 or bgra.shape[2] != 4:
            raise ValueError(f"got {bgra.dtype} {bgra.shape}, not uint8 or uint16 (h, w, 4), BGRA")
        if not _alike(bgra.shape[:2], shape):
            (height, width), (h, w) = bgra.shape[:2], shape
            raise ValueError(
                f"{width} x {height} pixels are not of the proportions of the photo, {w} x {h}"
            )
        is_stroke = bgra[..., 3] >= np.iinfo(bgra.dtype).max / 2
        if is_stroke.all():
            raise ValueError("is opaque all over: strokes leave the rest of it transparent")
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
        """Whether they are of the proportions of a photo of `shape`."""
        return _alike(self.mask.shape, shape)

    @classmethod
    def _of_strokes(cls, bgra: np.ndarray) -> Self:
        """Take all that is not transparent; what is so in part, edges made smaller, as well."""
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
    """Whether two shapes have the same proportions, but for the rounding to whole pixels."""
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
