"""Spreads strokes of colour over a photo, to the ends of the regions that they are in.

Strokes keep their chroma, and it is smooth where luminance is: see `smoothness`. Over a base, a
stroke's chroma replaces the base's as far as its pull reaches.
"""

import cv2
import numpy as np

from colorgan.luminance import in_unit_range
from colorgan.photos.coloring.painting import Layer, refined_layer, rising, shrunk
from colorgan.photos.coloring.smoothness import SmoothField

LARGEST = 80_000
"""Most pixels at which a photo's strokes are spread; the guided filter adds the detail."""

REACH = 2  # how far a stroke reaches in even luminance, in sides of the photo; measured on faces
FAINT, STRONG = 0.04, 0.3  # pulls of a stroke that become opacity 0 and 1

_BAND = 1 << 22  # pixels of the photo that are searched for strokes at a time


class StrokeSpreader:
    """Spreads strokes over one photo; what depends on the photo alone is computed once.

    Chroma is float32 Cb and Cr `(2, h, w)` in [-0.5, 0.5]; `(H, W)` is the size of `guide`.
    """

    def __init__(self, gray: np.ndarray) -> None:
        """Prepare for a photo `(h, w)`, uint8 or uint16."""
        self._photo_size = gray.shape[::-1]
        small = shrunk(gray, LARGEST)
        self.guide = in_unit_range(small)
        """The photo's luminance at the resolution of spreading, float32 in [0, 1]."""
        self._field = SmoothField(small)

    def spread(
        self, chroma: np.ndarray, mask: np.ndarray, base: np.ndarray | None = None
    ) -> np.ndarray:
        """Chroma of the whole photo, `(2, H, W)`, equal to `chroma` where `mask` is true.

        `chroma` `(2, h, w)` and `mask` `(h, w)` have the photo's size, or the guide's. Where
        strokes do not reach, the result is `base`, `(2, h, w)` of any size; without a base they
        reach everywhere. No value is outside the range of those given. Without strokes the result
        is `base`, or 0.
        """
        colors, strokes = self._gathered(chroma, mask)
        if base is not None:
            pull, solved = self._pull(colors, strokes)
            return pull * solved + (1 - pull) * self._fitted(base)
        if not strokes.any():
            return np.zeros((2, *self.guide.shape), np.float32)
        return self._field.solve(colors, strokes, 0).astype(np.float32)

    def layer(self, chroma: np.ndarray, mask: np.ndarray, faces: np.ndarray | None = None) -> Layer:
        """The strokes as a layer to paint over others, opaque as far as the strokes reach.

        `faces`, int `(H, W)`, numbers faces from 1 on, and is 0 elsewhere. Strokes do not run into
        a face unless one is painted there; otherwise, a jaw as bright as the wall behind it would
        let the wall's colour in.
        """
        colors, strokes = self._gathered(chroma, mask)
        closed = False if faces is None else ~np.isin(faces, [0, *np.unique(faces[strokes])])
        pull, solved = self._pull(colors, strokes, closed)
        to_photo = np.diag(np.divide(self._photo_size, self.guide.shape[::-1]))
        return refined_layer(solved, self.guide, pull, np.c_[to_photo, np.zeros(2)])

    def _pull(
        self, colors: np.ndarray, strokes: np.ndarray, closed: np.ndarray | bool = False
    ) -> tuple[np.ndarray, np.ndarray]:
        """How far strokes reach, float32 `(H, W)` in [0, 1], and their chroma there `(2, H, W)`.

        They do not run into what is `closed`, bool `(H, W)`. A leak pulls each pixel a little
        towards "no stroke". Next to the chroma, a map that is 1 at each stroke is solved for;
        dividing the chroma by it undoes the leak.
        """
        if not strokes.any():
            return np.zeros(self.guide.shape, np.float32), np.zeros_like(colors, np.float32)
        ones = np.where(strokes, 1.0, 0)[np.newaxis]
        leak = (REACH * np.sqrt(self.guide.size)) ** -2
        *pulled, share = self._field.solve(np.concatenate([colors, ones]), strokes | closed, leak)
        solved = np.where(share > 1e-9, pulled / np.maximum(share, 1e-9), 0)
        return rising(share, FAINT, STRONG).astype(np.float32), solved.astype(np.float32)

    def _gathered(self, chroma: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean chroma of the strokes in each pixel of the guide, and which pixels are strokes.

        A pixel is one if strokes cover at least half as much of it as of any neighbour. So a wide
        stroke keeps its edges, and one thinner than a pixel stays a line.
        """
        height, width = self.guide.shape
        sums = np.zeros((3, height * width))
        to_row = np.arange(mask.shape[0]) * height // mask.shape[0]
        to_column = np.arange(mask.shape[1]) * width // mask.shape[1]
        step = max(1, _BAND // mask.shape[1])
        for top in range(0, len(mask), step):
            rows, columns = np.nonzero(mask[top : top + step])
            places = to_row[top + rows] * width + to_column[columns]
            for total, plane in zip(sums, chroma, strict=False):
                total += np.bincount(places, plane[top + rows, columns], total.size)
            sums[2] += np.bincount(places, minlength=sums[2].size)
        *totals, counts = sums.reshape(3, height, width)
        strokes = (counts > 0) & (2 * counts >= cv2.dilate(counts, np.ones((3, 3))))
        return np.where(strokes, totals / np.maximum(counts, 1), 0), strokes

    def _fitted(self, chroma: np.ndarray) -> np.ndarray:
        """Chroma of any size, resized to the guide's: `(2, H, W)`."""
        size = self.guide.shape[::-1]
        way = cv2.INTER_AREA if chroma[0].size > self.guide.size else cv2.INTER_LINEAR
        return np.stack([cv2.resize(plane, size, interpolation=way) for plane in chroma])
