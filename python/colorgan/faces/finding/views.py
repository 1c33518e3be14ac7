"""The views that the detector searches: a photo at several sizes, turned, in tiles, and close-ups.

A view comes with a `(2, 3)` transform that maps its points to the photo. Coordinates are
continuous: the pixel in column x and row y covers [x, x + 1) and [y, y + 1).
"""

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import cv2
import numpy as np

from colorgan.faces.finding.similarity import transformed, warped

TILE, TILE_OVERLAP = 1280, 96
"""Most pixels a side of a tile, so that memory does not grow with the photo, and pixels that two
tiles share: as high as the largest face that must be complete in one of them."""

View = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Level:
    """A photo at one size."""

    image: np.ndarray
    to_photo: np.ndarray
    """`(2, 3)`: maps points of `image` to the photo."""

    @classmethod
    def resized(cls, image: np.ndarray, scale: float, photo_shape: tuple[int, int]) -> Self:
        """A level of a photo at this scale, made from the photo or from a larger level."""
        photo_size = photo_shape[::-1]
        size = [max(1, round(side * scale)) for side in photo_size]
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        to_photo = np.c_[np.diag(np.divide(photo_size, size)), np.zeros(2)]
        return cls(cv2.resize(image, size, interpolation=how), to_photo)

    @property
    def scale(self) -> float:
        """Pixels of the level for each pixel of the photo, along the longer side."""
        height, width = self.image.shape
        longer = int(height > width)
        return 1 / math.hypot(*self.to_photo[:, longer])

    @property
    def photo_size(self) -> np.ndarray:
        """Width and height of the photo, `(2,)`, in its pixels."""
        return transformed(np.array(self.image.shape[::-1]), self.to_photo)

    def turned(self, degrees: int) -> Iterator[View]:
        """The level, turned around its middle, in tiles that overlap."""
        size = np.array(self.image.shape[::-1])
        cosine, sine = (round(way(math.radians(degrees)), 12) for way in (math.cos, math.sin))
        turn = np.array([[cosine, -sine], [sine, cosine]])
        turned_size = np.ceil(abs(turn) @ size).astype(int)
        to_level = np.c_[turn, size / 2 - turn @ turned_size / 2]
        for (left, right), (top, bottom) in itertools.product(*map(_tiles, turned_size.tolist())):
            tile_to_level = after(np.array([[1, 0, left], [0, 1, top]], np.float64), to_level)
            view = warped(self.image, tile_to_level, (right - left, bottom - top))
            yield view, after(tile_to_level, self.to_photo)

    def cut(self, view_to_photo: np.ndarray, side: int, mirrored: bool = False) -> np.ndarray:
        """A square view of the photo, cut from this level; `mirrored` beyond the photo's border."""
        to_level = cv2.invertAffineTransform(self.to_photo)
        border = cv2.BORDER_REFLECT if mirrored else cv2.BORDER_REPLICATE
        return warped(self.image, after(view_to_photo, to_level), (side, side), border)


def _tiles(length: int) -> Iterator[tuple[int, int]]:
    """Where tiles begin and end along a side: as few as possible, all of the same length."""
    count = max(1, math.ceil((length - TILE_OVERLAP) / (TILE - TILE_OVERLAP)))
    step = (length - TILE_OVERLAP) / count
    for at in range(count):
        yield round(at * step), round(at * step + step) + TILE_OVERLAP if count > 1 else length


def after(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The transform that applies the first, then the second: `(2, 3)` from two `(2, 3)`."""
    return np.c_[second[:, :2] @ first[:, :2], transformed(first[:, 2], second)]
