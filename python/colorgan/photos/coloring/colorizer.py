"""Colours photographs of any size: the one class that a program needs."""

import numpy as np

from colorgan.luminance import with_chroma
from colorgan.photos.coloring.hints import Hints
from colorgan.photos.coloring.layers import FACE_SIDE, LayerMaker
from colorgan.photos.coloring.sitting import Sitting


class Colorizer(LayerMaker):
    """Finds faces in gray photographs and colours them. Threads must not share one.

    >>> colored = Colorizer().colorize(cv2.imread("old.jpg", cv2.IMREAD_GRAYSCALE))
    """

    def colorize(
        self,
        gray: np.ndarray,
        whole: bool = False,
        hints: Hints | np.ndarray | None = None,
        reference: np.ndarray | None = None,
    ) -> np.ndarray:
        """Colour one photo `(h, w)` or several of one size `(n, h, w)`, uint8 or uint16.

        Returns BGR of the same type, `(h, w, 3)` or `(n, h, w, 3)`. A photo without faces stays
        gray, unless `whole` is set, which colours everything outside of faces, too, or there is a
        `reference`. That is another photo, BGR `(h, w, 3)`, uint8 or uint16, and everything outside
        of faces takes its colours. `hints` are strokes over a single photo; their colours spread
        up to edges and override all others. They are `Hints`, or BGRA `(h, w, 4)` as for
        `Hints.of_picture`.

        Photos of 64 x 64 are taken for faces in the paper's format, already aligned, and coloured
        as they stand. Raises ValueError for anything else.
        """
        _check_gray(gray)
        strokes = None if hints is None else _hints_for(gray, hints)
        example = None if reference is None else self.reference_of(reference)
        if strokes is None and self.is_aligned(gray):
            colored = self._colorize_aligned(gray.reshape(-1, FACE_SIDE, FACE_SIDE))
            return colored.reshape(*gray.shape, 3)
        if gray.ndim == 3:
            return np.stack([Sitting(self, one).colorize(whole, None, example) for one in gray])
        return Sitting(self, gray).colorize(whole, strokes, example)

    def _colorize_aligned(self, faces: np.ndarray) -> np.ndarray:
        chroma = self.predict_aligned(faces)
        return np.stack([with_chroma(*pair) for pair in zip(faces, chroma, strict=True)])


def _check_gray(gray: object) -> None:
    """ValueError with the shape and type, unless this is one gray photo or several."""
    if not isinstance(gray, np.ndarray):
        raise ValueError(f"got {type(gray).__name__}, not a NumPy array of gray levels")
    found = f"got {gray.dtype} {gray.shape}, not uint8 or uint16 (h, w) or (n, h, w)"
    if gray.ndim == 3 and gray.shape[-1] <= 4:  # channels: no photo is that narrow
        raise ValueError(f"{found}; convert it to gray first, for example with cv2.cvtColor")
    if gray.dtype not in (np.uint8, np.uint16) or gray.ndim not in (2, 3) or not gray.size:
        raise ValueError(found)


def _hints_for(gray: np.ndarray, hints: object) -> Hints:
    """Hints for one photo; ValueError with the shape and type for anything else."""
    if gray.ndim == 3:
        raise ValueError(f"got hints for {gray.dtype} {gray.shape}, not for one photo (h, w)")
    if isinstance(hints, Hints):
        return hints
    if not isinstance(hints, np.ndarray):
        raise ValueError(f"got {type(hints).__name__} as hints, not Hints or a NumPy array, BGRA")
    return Hints.of_picture(hints, gray.shape)
