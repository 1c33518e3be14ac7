"""Colours as classes, in Caffe layers, after Zhang, Isola and Efros 2016.

The plane of CIE Lab's a and b is cut into squares, and those that sRGB reaches are the classes. A
net scores each class. It learns from soft labels, in which rare colours count more. To colour, it
takes a mean of the classes that is drawn towards the likeliest.
"""

from functools import cache

import cv2
import numpy as np
from scipy.spatial import KDTree

from colorgan.nets.histogram_loss import (
    Blobs,
    ColorFromScores,
    HistogramLoss,
    as_planes,
    as_rows,
    enlarged,
    in_cells,
    log_softmax,
)
from colorgan.processes import all_processes

# Levels of each channel at which sRGB is sampled to find the classes that it reaches.
_GAMUT_STEPS = 65


@cache
def class_centers(step: float) -> np.ndarray:
    """The classes' a and b, float32 (Q, 2): the multiples of `step` that are nearest to colours."""
    levels = np.linspace(0, 1, _GAMUT_STEPS, dtype=np.float32)
    colors = np.stack(np.meshgrid(levels, levels, levels), axis=-1)
    lab = cv2.cvtColor(colors.reshape(1, -1, 3), cv2.COLOR_BGR2Lab)[0]
    return (np.unique(np.rint(lab[:, 1:] / step), axis=0) * step).astype(np.float32)


def soft_labels(ab: np.ndarray, centers: np.ndarray, neighbors: int, sigma: float) -> np.ndarray:
    """Soft labels (M, Q) of colours (M, 2): shares of the classes, which sum to 1.

    Only the nearest `neighbors` classes have a share, by a Gaussian of their distance with `sigma`.
    """
    distances, nearest = KDTree(centers).query(ab, k=neighbors)
    shares = np.exp(-np.square(distances) / (2 * sigma**2))
    labels = np.zeros((len(ab), len(centers)), np.float32)
    np.put_along_axis(labels, nearest, shares / shares.sum(axis=1, keepdims=True), axis=1)
    return labels


def class_weights(shares: np.ndarray, uniform: float) -> np.ndarray:
    """The weight of a pixel of each class (Q,), from the classes' shares of all pixels.

    It is 1 / ((1 - uniform) share + uniform / Q), scaled so that the mean over pixels is 1.
    """
    weights = 1 / ((1 - uniform) * shares + uniform / len(shares))
    return weights / (shares * weights).sum()


class ClassLoss(HistogramLoss):
    """The loss on the classes' scores, rebalanced so that rare colours count more.

    `param_str`: step of the grid; neighbors and sigma of the soft labels; uniform of the weights.
    The layer's blob sums the soft labels of all batches so far, which gives the classes' shares. It
    is saved with the weights, so that a resumed run goes on with it. Processes that share a batch
    count the whole batch.
    """

    def setup(self, bottom: Blobs, top: Blobs) -> None:
        """Lay out the classes; ValueError unless there is one score for each."""
        super().setup(bottom, top)
        self._centers = class_centers(self.settings["step"])
        if self.bins != len(self._centers):
            raise ValueError(f"{self.bins} scores for {len(self._centers)} classes")
        if not len(self.blobs):
            self.blobs.add_blob(len(self._centers))

    def targets(self, color: np.ndarray, side: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        """The soft labels of each cell's mean colour, and their weights."""
        ab = as_planes(cv2.cvtColor(as_rows(color), cv2.COLOR_BGR2Lab), len(color))[:, 1:]
        means = in_cells(np.moveaxis(ab, 1, -1), side).mean(axis=3)
        labels = soft_labels(
            means.reshape(-1, 2), self._centers, self.settings["neighbors"], self.settings["sigma"]
        )
        of_batch = labels.mean(axis=0)
        all_processes().average([of_batch])
        counted = self.blobs[0].data
        counted += of_batch
        weights = class_weights(counted / counted.sum(), self.settings["uniform"])
        weights = weights[labels.argmax(axis=1)].reshape(len(color), 1, *side)
        return np.moveaxis(labels.reshape(len(color), *side, -1), -1, 1), weights


class AnnealedMean(ColorFromScores):
    """Colour faces from the classes' scores: the mean of the classes under a sharpened softmax.

    Colours are in [0, 1], with the gray's lightness. `param_str`: step of the grid; temperature, by
    which the scores are divided: 1 gives the mean, and near 0 it is the likeliest class.
    """

    def setup(self, bottom: Blobs, top: Blobs) -> None:
        """Lay out the classes."""
        super().setup(bottom, top)
        self._centers = class_centers(self.settings["step"])

    def forward(self, bottom: Blobs, top: Blobs) -> None:
        """Mean a and b, enlarged bilinearly, with the gray's lightness, as BGR."""
        gray = bottom[1].data
        count, _, height, width = gray.shape
        shares = np.exp(log_softmax(bottom[0].data / self.settings["temperature"]))
        ab = np.einsum("nqhw,qc->nhwc", shares, self._centers)
        lab = cv2.cvtColor(as_rows(gray), cv2.COLOR_BGR2Lab).reshape(count, height, width, 3)
        lab[..., 1:] = enlarged(ab, (height, width))
        bgr = cv2.cvtColor(lab.reshape(-1, width, 3), cv2.COLOR_Lab2BGR)
        top[0].data[...] = as_planes(bgr, count)
