"""Aligns a face in a photo with CelebA's faces: the similarity between them, applied both ways.

Coordinates are continuous: the pixel in column x and row y covers [x, x + 1) and [y, y + 1). A
similarity is float64 `(2, 3)` and maps points of CelebA's crop to the photo. The crop is the square
of 178 x 178 pixels from which training faces were made.
"""

import math
from collections.abc import Sequence

import cv2
import numpy as np

from colorgan.faces.celeba.aligned import CROP_LEFT, CROP_SIDE, CROP_TOP
from colorgan.faces.celeba.landmarks import CELEBA_POINTS
from colorgan.faces.finding.similarity import nearest_similarity, of_pixels, transformed, warped

CROP_POINTS = CELEBA_POINTS - np.array([CROP_LEFT, CROP_TOP], np.float32)
"""Where the five points of a face are in the crop, `(5, 2)`."""


def face_similarity(landmarks: np.ndarray) -> np.ndarray:
    """The similarity that maps CelebA's mean points closest to `landmarks`, `(5, 2)`.

    Closest by the sum of squares. CelebA was aligned by the eyes; all five points are more precise,
    and still work when a turned head brings the eyes together.
    """
    return nearest_similarity(CROP_POINTS, landmarks)


def points_in_crop(side: int) -> np.ndarray:
    """The five points of a face that is already CelebA's crop: float32 `(1, 5, 2)`.

    In pixels of the crop, shrunk to `side` x `side`.
    """
    return CROP_POINTS[np.newaxis] * np.float32(side / CROP_SIDE)


def scale_of(similarity: np.ndarray) -> float:
    """The width of a pixel of the crop in pixels of the photo."""
    return float(np.hypot(*similarity[:, 0]))


def smallest_first(similarities: Sequence[np.ndarray]) -> np.ndarray:
    """The order in which to lay faces over each other, int `(k,)`; larger ones are in front."""
    return np.argsort([scale_of(similarity) for similarity in similarities], kind="stable")


def cut_crop(photo: np.ndarray, similarity: np.ndarray, side: int = CROP_SIDE) -> np.ndarray:
    """Cut CelebA's crop of a face out of a photo, `(h, w)` or BGR `(h, w, 3)`, of the same type.

    With another `side`, it extends more or less to the right and down. Beyond the photo, its border
    is repeated, as in CelebA's own images.
    """
    corner, far = bounds(similarity, (side, side), photo.shape[:2])
    part = photo[corner[1] : far[1], corner[0] : far[0]]
    # The warp below only reads four pixels, so a larger photo is averaged down first.
    shrink = max(1, int(scale_of(similarity)))
    if shrink > 1:
        size = [max(1, round(pixels / shrink)) for pixels in part.shape[1::-1]]
        part = cv2.resize(part, size, interpolation=cv2.INTER_AREA)
        shrunk = np.divide(size, far - corner)
    else:
        shrunk = np.ones(2)
    to_part = (similarity - np.c_[np.zeros((2, 2)), corner]) * shrunk[:, np.newaxis]
    return warped(part, to_part, (side, side))


def cut_face(photo: np.ndarray, landmarks: np.ndarray, side: int) -> np.ndarray:
    """Cut a face out of a photo by its five points, `(5, 2)`, and shrink it to `side` pixels."""
    crop = cut_crop(photo, face_similarity(landmarks))
    return cv2.resize(crop, (side, side), interpolation=cv2.INTER_AREA)


def bounds(
    similarity: np.ndarray, shape: tuple[int, int], photo_shape: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """The pixels of a photo that a map `(h, w)` covers: first and past-last x and y, int `(2,)`.

    At least one pixel, even if the map is outside of the photo.
    """
    height, width = shape
    corners = np.array([[0, 0], [width, 0], [0, height], [width, height]], np.float64)
    placed = transformed(corners, similarity)
    size = np.array(photo_shape[::-1])
    first = np.clip(np.floor(placed.min(axis=0)), 0, size - 1).astype(int)
    last = np.clip(np.ceil(placed.max(axis=0)), first + 1, size).astype(int)
    return first, last


def spread(
    maps: np.ndarray, similarity: np.ndarray, first: np.ndarray, last: np.ndarray
) -> np.ndarray:
    """Lay maps, float32 `(h, w)` or `(h, w, c)` with c up to 4, over pixels of the photo.

    Returns `(rows, columns)` or `(rows, columns, c)` for the pixels from `first` to before `last`.
    Beyond the maps, their border is repeated.
    """
    (across, turn, left), (also_turn, down, top) = similarity.tolist()
    before = round(left / across) if across else 0
    # Maps on a grid that starts at the photo's corner are resized, in a tenth of the warp's time.
    if turn == also_turn == 0 and min(across, down) >= 1 and abs(before * across - left) < 1e-6:
        y = (np.arange(first[1], last[1]) + 0.5 - top) / down - 0.5
        return _stretched_aside(_rows_at(maps, y), across, before, first[0], last[0])
    here = similarity - np.c_[np.zeros((2, 2)), first]
    size = (last - first).tolist()
    return cv2.warpAffine(
        maps, of_pixels(here), size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )


def _rows_at(maps: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Rows of maps, float32, interpolated at row numbers `y`, which count from 0."""
    y = y.clip(0, len(maps) - 1)
    above = y.astype(int)
    share = (y - above).astype(np.float32).reshape(-1, *[1] * (maps.ndim - 1))
    upper = maps[above]
    return upper + share * (maps[np.minimum(above + 1, len(maps) - 1)] - upper)


def _stretched_aside(
    maps: np.ndarray, scale: float, before: int, first: int, last: int
) -> np.ndarray:
    """Columns from `first` to before `last` of maps that are widened by `scale`.

    The widened maps begin with `before` copies of their first column.
    """
    beyond = max(0, math.ceil(last / scale) + 2 - before - maps.shape[1])
    wide = cv2.copyMakeBorder(maps, 0, 0, before, beyond, cv2.BORDER_REPLICATE)
    enough = wide[:, : math.ceil(last / scale) + 2]
    return cv2.resize(enough, None, fx=scale, fy=1, interpolation=cv2.INTER_LINEAR)[:, first:last]
