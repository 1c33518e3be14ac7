"""Colours as histograms of hue and chroma, in Caffe layers, after Larsson et al. 2016.

Chroma is the largest of a colour's B, G and R minus the smallest. Hue is the position on the circle
from red through green and blue, as in HSV. Both are in [0, 1]. A net scores equal bins of each.
"""

import cv2
import numpy as np

from colorgan.luminance import GRAY_WEIGHTS
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

# Colours fade where the hues' mean point is nearer to the circle's centre than this x the bins.
_FULL_COLOR = 0.03


def hue_and_chroma(color: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Hue and chroma (N, H, W) of colours (N, 3, H, W), BGR in [0, 1]."""
    degrees = cv2.cvtColor(as_rows(color), cv2.COLOR_BGR2HSV)[..., 0]
    hue = degrees.reshape(len(color), *color.shape[2:]) / 360
    return hue, color.max(axis=1) - color.min(axis=1)


def with_hue_and_chroma(gray: np.ndarray, hue: np.ndarray, chroma: np.ndarray) -> np.ndarray:
    """Colours (N, 3, H, W) of that hue and chroma (N, H, W), with the luminance of gray (N, H, W).

    They may leave [0, 1].
    """
    full = np.ones_like(hue)
    hsv = as_rows(np.stack([360 * hue, full, full], axis=1))
    pure = as_planes(cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR), len(hue))  # of chroma 1
    difference = pure - (GRAY_WEIGHTS * pure).sum(axis=1, keepdims=True)
    return gray[:, np.newaxis] + chroma[:, np.newaxis] * difference


def histograms(values: np.ndarray, bins: int, side: tuple[int, int]) -> np.ndarray:
    """Histograms (N, bins, h, w) over [0, 1] of each cell of values (N, H, W); each sums to 1."""
    cells = np.minimum((in_cells(values, side) * bins).astype(int), bins - 1)
    shares = np.zeros((*cells.shape[:3], bins), np.float32)
    rows = shares.reshape(-1, bins)
    places = np.arange(len(rows))
    for pixel in np.moveaxis(cells, -1, 0):
        rows[places, pixel.ravel()] += 1 / cells.shape[-1]
    return np.moveaxis(shares, -1, 1)


class HueLoss(HistogramLoss):
    """The loss on hue's scores. Pixels are weighted by their chroma, as gray has no hue."""

    def targets(self, color: np.ndarray, side: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        """Each cell's histogram of hue, and its mean chroma as the weight."""
        hue, chroma = hue_and_chroma(color)
        weights = in_cells(chroma, side).mean(axis=-1)
        return histograms(hue, self.bins, side), weights[:, np.newaxis]


class ChromaLoss(HistogramLoss):
    """The loss on chroma's scores."""

    def targets(self, color: np.ndarray, side: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        """Each cell's histogram of chroma, all with the same weight."""
        _, chroma = hue_and_chroma(color)
        return histograms(chroma, self.bins, side), np.ones((len(color), 1, *side), np.float32)


class ExpectedColor(ColorFromScores):
    """Colour faces from scores: the expected chroma, with the hue of the mean point on the circle.

    The first bottom scores hue, the second chroma. Colours have the gray's luminance, and may leave
    [0, 1]. The less the hues agree, the nearer their mean is to the circle's centre, and the more
    the colour fades.
    """

    def forward(self, bottom: Blobs, top: Blobs) -> None:
        """The expected colour of each cell, enlarged bilinearly."""
        hues, chromas = (np.exp(log_softmax(bottom[i].data)) for i in (0, 1))
        gray = bottom[2].data
        bins = hues.shape[1]
        centers = ((np.arange(bins) + 0.5) / bins).astype(np.float32)
        circle = np.stack([np.cos(2 * np.pi * centers), np.sin(2 * np.pi * centers)], axis=1)
        points = np.einsum("nqhw,qc->nhwc", hues, circle.astype(np.float32))
        chroma = np.einsum("nqhw,q->nhw", chromas, centers)
        lengths = np.linalg.norm(points, axis=-1)
        chroma *= np.minimum(lengths / (bins * _FULL_COLOR), 1)
        cells = np.concatenate([points, chroma[..., np.newaxis]], axis=-1)
        large = enlarged(cells, gray.shape[2:])
        hue = np.arctan2(large[..., 1], large[..., 0]) / (2 * np.pi) % 1
        top[0].data[...] = with_hue_and_chroma(gray[:, 0], hue, large[..., 2])
