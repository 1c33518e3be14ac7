"""Spreads values so that they are smooth where a photo's luminance is: a sparse linear system.

After Levin, Lischinski and Weiss 2004, "Colorization using optimization": neighbouring pixels of
similar luminance get similar values, some pixels have fixed ones, and the system gives the rest.
"Similar" is relative to how much luminance varies around a pixel. After Huang, Tung, Chen, Wang and
Wu 2005, "An adaptive edge detection based colorization algorithm for grayscale images", neighbours
with an edge between them pull at each other less.

The system is solved directly. Which pixels are linked does not depend on which are fixed, so it is
analysed once; QDLDL's factors for other fixed pixels then take less than half as long as SciPy's
from scratch. Conjugate gradients, preconditioned by PyAMG or by the factors from before the last
stroke, take longer than either: with the latter, one more short stroke takes 60 iterations or more,
each a twentieth of the time of new factors. QDLDL orders the pixels itself, by AMD; nested
dissection would save a fifth of the multiplications, but not a third.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import qdldl
import scipy  # its modules load when they are used

from colorgan.luminance import eight_bits, in_unit_range, stretched

# Similarity of neighbours. These and EDGE were measured on photos with strokes in true colours.
STEEPNESS = 6  # weight of a squared step in luminance, against the variance around it
EVEN, UNEVEN = 2e-4, 1e-3  # variance of luminance in [0, 1]: in even places, and the most counted
EDGE_LEVELS = 40, 100  # of Canny's detector: steps that continue an edge, and that begin one
EDGE = 0.02  # factor of a weight that touches an edge
LEAST = 1e-6  # the smallest weight, so that the system has a unique solution


class SmoothField:
    """Solves for the pixels of one image; what depends on luminance alone is computed once."""

    def __init__(self, gray: np.ndarray) -> None:
        """Prepare for an image `(h, w)`, uint8 or uint16; a faded one is stretched first."""
        beside, below = neighbor_weights(in_unit_range(stretched(eight_bits(gray))))
        self._ties = np.stack(
            [
                np.pad(beside, ((0, 0), (0, 1))),
                np.pad(beside, ((0, 0), (1, 0))),
                np.pad(below, ((0, 1), (0, 0))),
                np.pad(below, ((1, 0), (0, 0))),
            ]
        )
        self._system = _Chessboard(gray.shape)
        self._factored: tuple[bytes, bytes] | None = None

    def solve(self, values: np.ndarray, fixed: np.ndarray, leak: np.ndarray | float) -> np.ndarray:
        """Values `(c, h, w)`, kept where `fixed`, bool `(h, w)`, is true, and smooth elsewhere.

        `leak`, `(h, w)` or one number, is how strongly each pixel is pulled to 0; if it is 0
        everywhere, at least one pixel must be fixed. The factors are kept for other values at the
        same places.
        """
        leaks = np.broadcast_to(np.float64(leak), fixed.shape)
        if self._factored != (key := (fixed.tobytes(), leaks.tobytes())):
            among_free = self._ties * (~fixed & ~_beside(fixed))
            self._system.factor(among_free, np.where(fixed, 1, self._ties.sum(axis=0) + leaks))
            self._factored = key

        def solved(given: np.ndarray) -> np.ndarray:
            pulled = _tied(self._ties, np.where(fixed, given, 0))
            return np.where(fixed, given, self._system.solve(np.where(fixed, given, pulled)))

        with ThreadPoolExecutor(cv2.getNumThreads()) as pool:  # QDLDL lets other threads run
            return np.stack(list(pool.map(solved, values)))


def neighbor_weights(guide: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How similar neighbours are, in [LEAST, 1]: those side by side, and those above each other.

    `guide` is luminance `(h, w)` in [0, 1]; returns `(h, w - 1)` and `(h - 1, w)`.
    """
    wide = guide.astype(np.float64)
    mean = cv2.blur(wide, (3, 3))
    variance = np.clip(cv2.blur(wide * wide, (3, 3)) - mean * mean, 0, UNEVEN) + EVEN
    levels = np.rint(255 * guide).astype(np.uint8)
    edges = cv2.Canny(levels, *EDGE_LEVELS) > 0

    def between(first: tuple[slice, slice], second: tuple[slice, slice]) -> np.ndarray:
        step = (wide[first] - wide[second]) ** 2
        likeness = np.exp(-STEEPNESS * step / (variance[first] + variance[second]))
        return np.maximum(np.where(edges[first] | edges[second], EDGE, 1) * likeness, LEAST)

    everything = slice(None)
    first, second = slice(None, -1), slice(1, None)
    return (
        between((everything, first), (everything, second)),
        between((first, everything), (second, everything)),
    )


def _beside(plane: np.ndarray) -> np.ndarray:
    """The pixels right, left, below and above each one: `(4, h, w)`, 0 beyond the image."""
    wide = np.pad(plane, 1)
    return np.stack([wide[1:-1, 2:], wide[1:-1, :-2], wide[2:, 1:-1], wide[:-2, 1:-1]])


class _Chessboard:
    """The factors of a system over a grid of pixels, each linked to its four neighbours.

    As on a chessboard, white pixels are linked to black ones only. So the white ones follow from
    the black ones, and half of the unknowns are left, each linked to eight others.
    """

    def __init__(self, shape: tuple[int, int]) -> None:
        self._pattern = _Pattern.of(shape)
        self._blacks: qdldl.Solver | None = None

    def factor(self, ties: np.ndarray, diagonal: np.ndarray) -> None:
        """Factor the system with this diagonal, `(h, w)`, and these ties, in `_beside`'s order."""
        pattern = self._pattern
        self._inverse, self._ties = 1 / diagonal, ties
        if not pattern.black.any():
            return
        from_white = ties[:, pattern.white]
        through = from_white[pattern.first] * from_white[pattern.second]
        through *= self._inverse[pattern.white]
        entries = -np.bincount(pattern.slots, through[pattern.within], pattern.rows.size)
        entries[pattern.on_diagonal] += diagonal[pattern.black]
        count = pattern.starts.size - 1
        system = scipy.sparse.csc_matrix((entries, pattern.rows, pattern.starts), (count, count))
        if self._blacks is None:
            self._blacks = qdldl.Solver(system, upper=True)
        else:
            self._blacks.update(system, upper=True)

    def solve(self, right: np.ndarray) -> np.ndarray:
        """The solution for a right side, both `(h, w)`."""
        white, black = self._pattern.white, self._pattern.black
        solved = np.zeros(right.shape)
        if self._blacks is not None:
            through = np.where(white, right * self._inverse, 0)
            solved[black] = self._blacks.solve((right + _tied(self._ties, through))[black])
        whites = self._inverse * (right + _tied(self._ties, solved))
        return np.where(white, whites, solved)


def _tied(ties: np.ndarray, plane: np.ndarray) -> np.ndarray:
    """The sum of each pixel's neighbours, weighted by the ties: `(h, w)`."""
    return (ties * _beside(plane)).sum(axis=0)


@dataclass(frozen=True)
class _Pattern:
    """Which black pixels are linked through white ones: the upper triangle of their matrix."""

    white: np.ndarray
    black: np.ndarray
    """bool `(h, w)`."""
    first: np.ndarray
    second: np.ndarray
    """The pairs among the four neighbours of a white pixel, int `(10,)`."""
    within: np.ndarray
    """Which pairs of which white pixels are both in the image: bool `(10, n)`."""
    slots: np.ndarray
    """The entry of the matrix to which each of those adds."""
    rows: np.ndarray
    starts: np.ndarray
    """The matrix in SciPy's format by columns."""
    on_diagonal: np.ndarray
    """The entries on the diagonal, one for each black pixel."""

    @staticmethod
    @lru_cache(maxsize=4)  # all heads share one
    def of(shape: tuple[int, int]) -> "_Pattern":
        """The pattern of an image `(h, w)`."""
        white = np.indices(shape).sum(axis=0) % 2 == 0
        black = ~white
        count = int(np.count_nonzero(black))
        numbers = np.zeros(shape, int)
        numbers[black] = np.arange(1, count + 1)  # 0 is beyond the image
        beside = _beside(numbers)[:, white] - 1
        first, second = np.triu_indices(4)
        within = (beside[first] >= 0) & (beside[second] >= 0)
        pairs = np.sort([beside[first][within], beside[second][within]], axis=0)
        entries, slots = np.unique(pairs[1] * count + pairs[0], return_inverse=True)
        columns, rows = np.divmod(entries, max(count, 1))
        starts = np.searchsorted(columns, np.arange(count + 1))
        on_diagonal = np.flatnonzero(rows == columns)
        return _Pattern(white, black, first, second, within, slots, rows, starts, on_diagonal)
