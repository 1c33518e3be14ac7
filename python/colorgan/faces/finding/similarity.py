"""Shifts, turns and scalings of the plane, as `(2, 3)` matrices, and in OpenCV's convention.

Coordinates are continuous: the pixel in column x and row y covers [x, x + 1) and [y, y + 1).
"""

from collections.abc import Sequence

import cv2
import numpy as np


def nearest_similarity(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The similarity that maps points `(n, 2)` closest to others, by the sum of squares.

    Float64 `(2, 3)`: turn and scale, then shift. The source points must not all be the same.
    """
    start, end = (points @ (1, 1j) for points in (source, target))
    centered = start - start.mean()
    turn = (centered.conj() @ end) / (centered.conj() @ centered).real
    shift = end.mean() - turn * start.mean()
    return np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]])


def transformed(points: np.ndarray, transform: np.ndarray) -> np.ndarray:
    """Points `(..., 2)`, mapped by an affine transform `(2, 3)`."""
    return points @ transform[:, :2].T + transform[:, 2]


def pixel_centers(height: int, width: int) -> np.ndarray:
    """The centres of an image's pixels: float64 `(h, w, 2)`, x and y."""
    return np.moveaxis(np.indices((height, width)), 0, -1)[..., ::-1] + 0.5


def of_pixels(transform: np.ndarray) -> np.ndarray:
    """The same transform for OpenCV, whose coordinates are whole numbers at pixel centres."""
    center = np.full(2, 0.5)
    return np.c_[transform[:, :2], transformed(center, transform) - center]


def warped(
    image: np.ndarray, to_image: np.ndarray, size: Sequence[int], border: int = cv2.BORDER_REPLICATE
) -> np.ndarray:
    """A view of an image, of this width and height; `to_image` maps its points to the image.

    Beyond the image, its border is repeated, as in CelebA's own images. For faces that the border
    cuts, points are found closer to those of the whole face than with black there.
    """
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(
        image, of_pixels(to_image), tuple(map(int, size)), flags=how, borderMode=border
    )
