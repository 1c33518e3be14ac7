"""Caffe layers in Python for nets that score how likely each of a set of colours is for a pixel.

Such nets learn from colour histograms, and colour by their scores. A net's prototxt names a layer
by module and class, and gives its settings as JSON in `param_str`.
"""

import json
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from colorgan.nets.runtime import Blob, load_caffe

Blobs = Sequence[Blob]


Layer: Any = load_caffe().Layer


class ColorLayer(Layer):
    """A layer written in Python, with the JSON of its `param_str` in `settings`."""

    def setup(self, bottom: Blobs, top: Blobs) -> None:
        """Read the settings from the prototxt."""
        self.settings: dict[str, Any] = json.loads(self.param_str) if self.param_str else {}


class HistogramLoss(ColorLayer):
    """Weighted cross-entropy of the true histogram and the softmax of scores, the mean over pixels.

    Bottoms: scores (N, Q, h, w), which a softmax turns into probabilities, and colour faces
    (N, 3, H, W), BGR in [0, 1], whose height and width are multiples of h and w. Top: one number.
    """

    def setup(self, bottom: Blobs, top: Blobs) -> None:
        """Read the settings from the prototxt, and how many bins there are."""
        super().setup(bottom, top)
        self.bins = bottom[0].shape[1]

    def reshape(self, bottom: Blobs, top: Blobs) -> None:
        """The loss is one number."""
        top[0].reshape()

    def targets(self, color: np.ndarray, side: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        """The true histograms (N, Q, h, w), and the pixels' weights (N, 1, h, w)."""
        raise NotImplementedError

    def forward(self, bottom: Blobs, top: Blobs) -> None:
        """The loss: -1/(N h w) sum of weight x target x log(softmax)."""
        scores = bottom[0].data
        targets, weights = self.targets(bottom[1].data, scores.shape[2:])
        logarithms = log_softmax(scores)
        pixels = weights.size
        top[0].data[...] = -(weights * targets * logarithms).sum() / pixels
        self._gradient = weights * (np.exp(logarithms) - targets) / pixels

    def backward(self, top: Blobs, propagate_down: Sequence[bool], bottom: Blobs) -> None:
        """The gradient is weight x (softmax - target), as targets sum to 1."""
        if propagate_down[0]:
            bottom[0].diff[...] = top[0].diff * self._gradient


class ColorFromScores(ColorLayer):
    """Colours faces from scores.

    Bottoms: scores (N, Q, h, w), and last gray faces (N, 3, H, W) in [0, 1]. Top: colour faces
    (N, 3, H, W), BGR. No gradient goes back, since the loss is on the scores.
    """

    def reshape(self, bottom: Blobs, top: Blobs) -> None:
        """The colour faces are as large as the gray ones."""
        top[0].reshape(*bottom[-1].shape)

    def backward(self, top: Blobs, propagate_down: Sequence[bool], bottom: Blobs) -> None:
        """Nothing: no loss is on these colours."""
        if any(propagate_down):
            raise NotImplementedError("the loss is on the scores, not on the colours made of them")


def log_softmax(scores: np.ndarray) -> np.ndarray:
    """Logarithms of the softmax over axis 1."""
    shifted = scores - scores.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def in_cells(pixels: np.ndarray, side: tuple[int, int]) -> np.ndarray:
    """Images (N, H, W, ...) as cells: (N, h, w, H/h x W/w pixels, ...) for `side` h, w."""
    count, height, width, *rest = pixels.shape
    rows, columns = side
    if height % rows or width % columns:
        raise ValueError(f"{height} x {width} pixels are not a multiple of {rows} x {columns}")
    parts = pixels.reshape(count, rows, height // rows, columns, width // columns, *rest)
    return np.moveaxis(parts, 2, 3).reshape(count, rows, columns, -1, *rest)


def enlarged(cells: np.ndarray, side: tuple[int, int]) -> np.ndarray:
    """Enlarge images (N, h, w, C) to (N, H, W, C), bilinearly; `side` is H, W."""
    size = side[::-1]
    return np.stack([cv2.resize(image, size, interpolation=cv2.INTER_LINEAR) for image in cells])


def as_rows(planar: np.ndarray) -> np.ndarray:
    """Planar images (N, 3, H, W) as one tall image (N H, W, 3), for OpenCV to convert in one go."""
    count, channels, height, width = planar.shape
    rows = np.moveaxis(planar, 1, -1).reshape(count * height, width, channels)
    return np.ascontiguousarray(rows, np.float32)


def as_planes(rows: np.ndarray, count: int) -> np.ndarray:
    """The reverse of `as_rows`: (N H, W, 3) to (N, 3, H, W)."""
    return np.moveaxis(rows.reshape(count, -1, *rows.shape[1:]), -1, 1)
