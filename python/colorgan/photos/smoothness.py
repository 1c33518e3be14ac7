"""What is smooth where a photo's luminance is: one sparse linear system over its pixels.

After Levin, Lischinski and Weiss 2004, "Colorization using optimization": neighbouring pixels of
like luminance have like values, some pixels keep theirs, and the system gives the rest. "Like" is
relative to how much luminance varies around a pixel. After Huang, Tung, Chen, Wang and Wu 2005, "An
adaptive edge detection based colorization algorithm for grayscale images", neighbours with an edge
between them pull at each other less.

The system is solved directly. Below a tenth of a megapixel SciPy's factors take less time than a
conjugate gradient does, preconditioned by PyAMG or by the factors from before the last stroke.
"""

import cv2
import numpy as np
import scipy  # whose parts load when they are used

from colorgan.luminance import eight_bits, in_unit_range, stretched

# How alike neighbours are; measured, as EDGE is, on photographs with strokes of their true colours.
STEEPNESS = 6  # what the square of a step weighs against the variance around it
EVEN, UNEVEN = (
    2e-4,
    1e-3,
)  # variance of luminance in [0, 1]: of even places, and the most that counts
EDGE_LEVELS = 40, 100  # of Canny's detector: steps that go on an edge, and that begin one
EDGE = 0.02  # what is left of a weight that touches an edge
LEAST = 1e-6  # weights are never less, so that the system has one solution


class SmoothField:
    """Values over the pixels of one image; what depends on its luminance alone is computed once."""

    def __init__(self, gray: np.ndarray) -> None:
        """Prepare for an image `(h, w)`, uint8 or uint16; a faded one counts at full contrast."""
        self._laplacian = laplacian(*neighbor_weights(in_unit_range(stretched(eight_bits(gray)))))
        self._factored: tuple[bytes, bytes] | None = None

    def solve(self, values: np.ndarray, fixed: np.ndarray, leak: np.ndarray | float) -> np.ndarray:
        """Values `(c, h, w)` that stay where `fixed`, bool `(h, w)`, and are smooth elsewhere.

        `leak`, `(h, w)` or one number, is how much each pixel is drawn to 0. Where all of it is 0
        some pixel has to be fixed. The factors are kept for other values at the same places.
        """
        known = fixed.ravel()
        if known.all():
            return values
        leaks = np.broadcast_to(np.float64(leak), fixed.shape).ravel()
        if self._factored != (key := (known.tobytes(), leaks.tobytes())):
            free_rows = self._laplacian[~known]
            self._to_known = free_rows[:, known]
            system = free_rows[:, ~known] + scipy.sparse.diags_array(leaks[~known])
            white = np.indices(fixed.shape).sum(axis=0).ravel() % 2 == 0
            self._factors = _Factors(system.tocsr(), white[~known])
            self._factored = key
        flat = values.reshape(len(values), -1).T.astype(np.float64)
        flat[~known] = self._factors.solve(-(self._to_known @ flat[known]))
        return flat.T.reshape(values.shape)


def neighbor_weights(guide: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How alike neighbours are, in [LEAST, 1]: those side by side, and those one above another.

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


def laplacian(beside: np.ndarray, below: np.ndarray) -> "scipy.sparse.csr_array":
    """The matrix that sums up how far each pixel is from its neighbours, weighted: `(n, n)`."""
    height, width = beside.shape[0], below.shape[1]
    pixels = np.arange(height * width, dtype=np.int32).reshape(height, width)
    first = np.concatenate([pixels[:, :-1].ravel(), pixels[:-1].ravel()])
    second = np.concatenate([pixels[:, 1:].ravel(), pixels[1:].ravel()])
    weights = np.concatenate([beside.ravel(), below.ravel()])
    both = (np.concatenate([first, second]), np.concatenate([second, first]))
    pulls = scipy.sparse.coo_array((np.tile(weights, 2), both), (pixels.size, pixels.size))
    return (scipy.sparse.diags_array(pulls.sum(axis=1)) - pulls).tocsr()


class _Factors:
    """A system over pixels of a grid, each tied to the four beside it, factored.

    As on a chessboard, white pixels are tied to black ones alone. So each follows from those, and
    half of the unknowns are left, which SuperLU factors in half the time.
    """

    def __init__(self, system: "scipy.sparse.csr_array", white: np.ndarray) -> None:
        """`system` is `(n, n)`, symmetric and positive; `white`, bool `(n,)`, says which are."""
        self._white = white
        self._inverse = 1 / system.diagonal()[white]
        black = system[~white]
        self._to_white = black[:, white]
        through = self._to_white @ scipy.sparse.diags_array(self._inverse) @ self._to_white.T
        self._blacks = scipy.sparse.linalg.splu(
            (black[:, ~white] - through).tocsc(),
            permc_spec="MMD_AT_PLUS_A",
            diag_pivot_thresh=0,
            relax=1,
            panel_size=1,
            options={"SymmetricMode": True},
        )

    def solve(self, right: np.ndarray) -> np.ndarray:
        """The solution for right sides `(n, c)`."""
        solved = np.empty_like(right)
        whites = self._inverse[:, np.newaxis] * right[self._white]
        blacks = self._blacks.solve(right[~self._white] - self._to_white @ whites)
        solved[~self._white] = blacks
        solved[self._white] = whites - self._inverse[:, np.newaxis] * (self._to_white.T @ blacks)
        return solved
