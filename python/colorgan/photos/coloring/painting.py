"""Lays predicted chroma over a photo: it follows the photo's edges, and fades out at the layer's.

The chroma of a face is a map of 64 x 64, and the photo may have a thousand times as many pixels. A
guided filter (He, Sun and Tang 2010, "Guided Image Filtering") connects the two: in every small
window, chroma is a linear function of luminance. Its slopes and offsets are smooth, so they are
computed at a low resolution and applied to the photo's luminance at full resolution (He and Sun
2015, "Fast Guided Filter").
"""

from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import product

import cv2
import numpy as np

from colorgan.faces.finding.alignment import bounds, scale_of, spread
from colorgan.faces.finding.similarity import transformed
from colorgan.luminance import in_unit_range, with_chroma

# Side of the filter's window in pixels of the guide, and the variance of luminance in [0, 1] below
# which a window counts as flat. Of 3 to 27 and 1e-4 to 1e-2, these had the least chroma error on
# 150 CelebA crops.
WINDOW, EPSILON = 13, 1e-3

LONGEST = 8192
"""Most pixels a side of what is laid over photos; OpenCV only warps images below 32,768."""

# Pixels painted at a time: few enough that a dozen maps of them stay in a core's cache, and wide,
# since `spread` is quickest along rows.
_TILE_WIDTH, _TILE_HEIGHT = 2048, 128


@dataclass(frozen=True)
class Layer:
    """Chroma as a linear function of luminance in [0, 1], and where in the photo it goes."""

    maps: np.ndarray
    """float32 `(h, w, 4)`: slopes for Cb and Cr, offsets for Cb and Cr."""
    opacity: np.ndarray
    """float32 `(h, w)` in [0, 1]."""
    similarity: np.ndarray
    """`(2, 3)`: maps points of `maps` to points of the photo."""


def refined_layer(
    chroma: np.ndarray, guide: np.ndarray, opacity: np.ndarray, similarity: np.ndarray
) -> Layer:
    """Fit low-resolution chroma, float32 `(2, h, w)`, to a guide of the same view.

    `guide` is the photo's luminance there, float32 `(H, W)` in [0, 1]; `opacity` is `(H, W)`, and
    `similarity` maps points of the guide to the photo.
    """
    size = guide.shape[::-1]
    enlarged = cv2.resize(chroma.transpose(1, 2, 0), size, interpolation=cv2.INTER_CUBIC)
    slope, offset = guided_filter(guide[..., np.newaxis], enlarged)
    return _no_finer(Layer(np.concatenate([slope, offset], axis=2), opacity, similarity))


def _no_finer(layer: Layer) -> Layer:
    """A layer with no more pixels than the photo has there: crowds have hundreds of small faces."""
    scale = scale_of(layer.similarity)
    if scale >= 1:
        return layer
    seen = np.array(layer.opacity.shape[::-1])
    size = np.maximum(np.rint(seen * scale), 1).astype(int)
    maps, opacity = (
        cv2.resize(part, size.tolist(), interpolation=cv2.INTER_AREA)
        for part in (layer.maps, layer.opacity)
    )
    to_photo = np.c_[layer.similarity[:, :2] * (seen / size), layer.similarity[:, 2]]
    return Layer(maps, opacity, to_photo)


def photo_layer(gray: np.ndarray, chroma: np.ndarray, finer: float) -> Layer:
    """Lay chroma `(2, h, w)` over a whole photo, with a guide of `finer` times its resolution."""
    size, seen = np.array(gray.shape[::-1]), np.array(chroma.shape[:0:-1])
    guide_size = np.maximum(np.rint(seen * finer), 1).astype(int)
    guide = in_unit_range(cv2.resize(gray, guide_size.tolist(), interpolation=cv2.INTER_AREA))
    to_photo = np.c_[np.diag(size / guide_size), np.zeros(2)]
    return refined_layer(chroma, guide, np.ones_like(guide), to_photo)


def even_layer(chroma: np.ndarray) -> Layer:
    """Lay chroma `(2, h, w)` of exactly the photo's size over it, unchanged."""
    maps = np.zeros((*chroma.shape[1:], 4), np.float32)
    maps[..., 2:] = chroma.transpose(1, 2, 0)
    return Layer(maps, np.ones(chroma.shape[1:], np.float32), np.eye(2, 3))


def trimmed(layer: Layer) -> Layer:
    """The visible part of a layer, so that the rest of the photo need not be painted."""
    rows, columns = (np.flatnonzero(layer.opacity.any(axis=axis)) for axis in (1, 0))
    if not rows.size:
        return layer
    top, left = max(rows[0] - 1, 0), max(columns[0] - 1, 0)
    window = slice(top, rows[-1] + 2), slice(left, columns[-1] + 2)
    from_part = np.array([[1, 0, left], [0, 1, top], [0, 0, 1]])
    return Layer(layer.maps[window], layer.opacity[window], layer.similarity @ from_part)


def guided_filter(guide: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Slopes and offsets, `(h, w, c)` each, of `target` as a function of `guide` `(h, w, 1)`."""

    def mean(image: np.ndarray) -> np.ndarray:
        blurred = cv2.blur(image, (WINDOW, WINDOW))
        return blurred.reshape(*image.shape[:2], -1)

    mean_guide, mean_target = mean(guide), mean(target)
    variance = mean(guide * guide) - mean_guide**2
    covariance = mean(guide * target) - mean_guide * mean_target
    slope = covariance / (variance + EPSILON)
    return mean(slope), mean(mean_target - slope * mean_guide)


def shrunk(photo: np.ndarray, most_pixels: int) -> np.ndarray:
    """A photo, `(h, w)` or `(h, w, 3)`, scaled down to `most_pixels` and `LONGEST` a side."""
    height, width = photo.shape[:2]
    shrink = min(1, np.sqrt(most_pixels / (height * width)), LONGEST / max(height, width))
    size = [max(1, int(side * shrink)) for side in (width, height)]
    return cv2.resize(photo, size, interpolation=cv2.INTER_AREA)


def rising(values: np.ndarray, start: float, end: float) -> np.ndarray:
    """0 up to `start`, 1 from `end` on, and smooth in between, for opacities."""
    share = np.clip((values - start) / (end - start), 0, 1)
    return share * share * (3 - 2 * share)


def paint(gray: np.ndarray, layers: Sequence[Layer], below: np.ndarray | None = None) -> np.ndarray:
    """Colour a photo, `(h, w)` uint8 or uint16, with layers, later ones over earlier ones.

    Returns BGR `(h, w, 3)` of the same type, with exactly the photo's luminance. `below` is the
    photo as painted with all layers except the last; then only that layer takes time.
    """
    colored = np.empty((*gray.shape, 3), gray.dtype)
    placed = [
        (layer, *bounds(layer.similarity, layer.opacity.shape, gray.shape)) for layer in layers
    ]
    height, width = gray.shape

    def paint_tile(corner: tuple[int, int]) -> None:
        begin = np.array(corner)
        end = np.minimum(begin + (_TILE_WIDTH, _TILE_HEIGHT), (width, height))
        tile = slice(begin[1], end[1]), slice(begin[0], end[0])
        colored[tile] = cv2.merge([gray[tile]] * 3) if below is None else below[tile]
        new = placed if below is None else placed[-1:]
        seen = [part for one in new if (part := _seen(*_overlap(*one, begin, end))) is not None]
        if seen:
            first, last = np.min(seen, axis=0)[0], np.max(seen, axis=0)[1]
            _paint_window(gray, colored, [_overlap(*one, first, last) for one in placed])

    # NumPy and OpenCV let other threads run, and tiles do not overlap.
    with ThreadPoolExecutor(cv2.getNumThreads()) as pool:
        corners = product(range(0, width, _TILE_WIDTH), range(0, height, _TILE_HEIGHT))
        deque(pool.map(paint_tile, corners), maxlen=0)
    return colored


_Part = tuple[Layer, np.ndarray, np.ndarray]
"""A layer, and the first and past-last x and y of what it covers in a photo, int `(2,)` each."""


def _overlap(
    layer: Layer, first: np.ndarray, last: np.ndarray, begin: np.ndarray, end: np.ndarray
) -> _Part:
    """The part between `begin` and `end`; empty if its last x or y is not above its first."""
    return layer, np.maximum(first, begin), np.minimum(last, end)


def _seen(
    layer: Layer, first: np.ndarray, last: np.ndarray
) -> tuple[np.ndarray, np.ndarray] | None:
    """The first and past-last x and y of where a layer's part is opaque; None if it is nowhere."""
    if not (first < last).all():
        return None
    corners = np.array([first, (first[0], last[1]), (last[0], first[1]), last], np.float64)
    placed = transformed(corners, cv2.invertAffineTransform(np.float64(layer.similarity)))
    left, top = np.maximum(np.floor(placed.min(axis=0)).astype(int) - 1, 0)
    right, bottom = np.ceil(placed.max(axis=0)).astype(int) + 1
    opaque = layer.opacity[top:bottom, left:right]
    rows, columns = (np.flatnonzero(opaque.any(axis=axis)) for axis in (1, 0))
    if not rows.size:
        return None
    # Points between two pixels of the layer get some of both.
    from_opaque = np.array([[1, 0, left + columns[0] - 1], [0, 1, top + rows[0] - 1], [0, 0, 1]])
    shape = int(np.ptp(rows)) + 3, int(np.ptp(columns)) + 3
    begin, end = bounds(layer.similarity @ from_opaque, shape, (last[1], last[0]))
    begin = np.maximum(begin, first)
    return (begin, end) if (begin < end).all() else None


def _paint_window(gray: np.ndarray, colored: np.ndarray, parts: list[_Part]) -> None:
    """Colour the pixels that these parts of layers cover."""
    parts = [part for part in parts if (part[1] < part[2]).all()]
    left, top = np.min([first for _, first, _ in parts], axis=0)
    right, bottom = np.max([last for _, _, last in parts], axis=0)
    window = slice(top, bottom), slice(left, right)
    luminance = in_unit_range(gray[window])
    chroma = np.zeros((2, *luminance.shape), np.float32)
    for layer, first, last in parts:
        inside = slice(first[1] - top, last[1] - top), slice(first[0] - left, last[0] - left)
        maps = cv2.split(spread(layer.maps, layer.similarity, first, last))
        opacity = spread(layer.opacity, layer.similarity, first, last)
        for plane, slope, offset in zip(chroma, maps[:2], maps[2:], strict=True):
            below = plane[inside]
            below += opacity * (slope * luminance[inside] + offset - below)
    colored[window] = with_chroma(gray[window], chroma)
