"""Spreads strokes of colour over a photo, as far as the region that they lie in reaches.

Chroma is smooth where luminance is, and strokes keep theirs: see `smoothness`. Over a base, as far
as a stroke's pull is felt, its chroma is taken in place of the base's.
"""

import cv2
import numpy as np

from colorgan.luminance import in_unit_range
from colorgan.photos.coloring.painting import Layer, refined_layer, rising, shrunk
from colorgan.photos.coloring.smoothness import SmoothField

LARGEST = 80_000
"""Pixels at which a photo's strokes are spread, at most; the guided filter adds the detail."""

REACH = 2  # how far a stroke reaches in even luminance, in sides of the photo; measured on faces
FAINT, STRONG = 0.04, 0.3  # of a stroke's pull: less, and it is none; more, and it is all

_BAND = 1 << 22  # pixels of the photo whose strokes are gathered at a time


class StrokeSpreader:
    """Spreads strokes over one photo; what depends on the photo alone is computed once.

    Chroma is float32 Cb and Cr `(2, h, w)` in [-0.5, 0.5]; `(H, W)` is the size of `guide`.
    """

    def __init__(self, gray: np.ndarray) -> None:
        """Prepare for a photo `(h, w)`, uint8 or uint16."""
        self._photo_size = gray.shape[::-1]
        small = shrunk(gray, LARGEST)
        self.guide = in_unit_range(small)
        """The photo's luminance at the resolution of what is spread, float32 in [0, 1]."""
        self._field = SmoothField(small)

    def spread(
        self, chroma: np.ndarray, mask: np.ndarray, base: np.ndarray | None = None
    ) -> np.ndarray:
        """Chroma of the whole photo, `(2, H, W)`, that is `chroma` where `mask` is true.

        `chroma` `(2, h, w)` and `mask` `(h, w)` are of the photo's size, or of the guide's. Where
        strokes do not reach, chroma is that of `base`, `(2, h, w)` of any size; without it they
        reach everywhere. In no place is it beyond what was given. Without strokes it is `base`, or
        none at all.
        """
        colors, strokes = self._gathered(chroma, mask)
        if base is not None:
            pull, solved = self._pull(colors, strokes)
            return pull * solved + (1 - pull) * self._fitted(base)
        if not strokes.any():
            return np.zeros((2, *self.guide.shape), np.float32)
        return self._field.solve(colors, strokes, 0).astype(np.float32)

    def layer(self, chroma: np.ndarray, mask: np.ndarray, faces: np.ndarray | None = None) -> Layer:
        """The same strokes as a layer to paint over others, opaque as far as the strokes reach.

        `faces`, int `(H, W)`, are the numbers of places into which strokes do not run: unless one
        is painted there, jaws that are as bright as the wall behind them let its colour in. 0 is
        no such place.
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

        Not into what is `closed`, bool `(H, W)`.
        What pulls a pixel to its surroundings pulls it a little to "no stroke" as well. Pulled
        along with the chroma is a one at each stroke; divided by that, chroma is as the strokes'.
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

        Those are that the strokes cover at least half as much as they do any neighbour: a wide
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
        """Chroma of another size at the guide's: `(2, H, W)`."""
        size = self.guide.shape[::-1]
        way = cv2.INTER_AREA if chroma[0].size > self.guide.size else cv2.INTER_LINEAR
        return np.stack([cv2.resize(plane, size, interpolation=way) for plane in chroma])
