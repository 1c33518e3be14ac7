"""Features that describe a pixel, and a filter that keeps edges, after Cheng et al. 2015.

They are Caffe layers in Python.
"""

from collections.abc import Sequence

import numpy as np
import skimage  # its modules load when they are used

from colorgan.nets.histogram_loss import Blobs, ColorLayer
from colorgan.nets.runtime import load_caffe

# One ring of three histograms around the pixel's own, each of 8 directions; scaled to length 1.
_DAISY = {"step": 1, "rings": 1, "histograms": 3, "orientations": 8, "normalization": "l2"}


def features_of(gray: np.ndarray, patch: int, radius: int) -> np.ndarray:
    """The features of each pixel, float32 (F, H, W), of a gray face (H, W) in [0, 1].

    They are the `patch` x `patch` pixels around it, less 0.5; a DAISY descriptor of `radius` (Tola,
    Lepetit and Fua 2010); and its position, from -1 to 1 across and down.
    """
    height, width = gray.shape
    around = np.pad(gray, patch // 2, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(around, (patch, patch))
    surroundings = windows.reshape(height, width, -1) - 0.5
    daisy = skimage.feature.daisy(np.pad(gray, radius, mode="edge"), radius=radius, **_DAISY)
    down, across = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    features = np.concatenate([surroundings, daisy, np.dstack([across, down])], axis=2)
    return np.moveaxis(features, -1, 0).astype(np.float32)


class PixelFeatures(ColorLayer):
    """Features of every pixel of gray faces: (N, 3, H, W) in [0, 1] to (N, F, H, W).

    `param_str`: patch, the side of a pixel's surroundings; radius, of its DAISY descriptor.
    """

    def reshape(self, bottom: Blobs, top: Blobs) -> None:
        """One map for each feature."""
        count, _, height, width = bottom[0].shape
        top[0].reshape(count, self.settings["patch"] ** 2 + 32 + 2, height, width)

    def forward(self, bottom: Blobs, top: Blobs) -> None:
        """The features, face by face."""
        for place, face in enumerate(bottom[0].data):
            top[0].data[place] = features_of(face[0].astype(np.float64), **self.settings)

    def backward(self, top: Blobs, propagate_down: Sequence[bool], bottom: Blobs) -> None:
        """Nothing: gray faces are the input, and need no gradient."""


def joint_bilateral(
    maps: np.ndarray, guide: np.ndarray, radius: int, space: float, light: float
) -> np.ndarray:
    """Means of maps (N, C, H, W) over neighbours that look alike in the guide (N, 1, H, W).

    Neighbours up to `radius` away are weighted by two Gaussians: by their distance in pixels, of
    width `space`, and by the difference in the guide, of width `light` (Petschnigg et al. 2004).
    """
    height, width = maps.shape[2:]
    beyond = [(0, 0), (0, 0), (radius, radius), (radius, radius)]
    far_maps, far_guide = (np.pad(array, beyond, mode="edge") for array in (maps, guide))
    total, weights = np.zeros_like(maps), np.zeros_like(guide)
    for down in range(2 * radius + 1):
        for across in range(2 * radius + 1):
            part = np.s_[:, :, down : down + height, across : across + width]
            squares = ((down - radius) ** 2 + (across - radius) ** 2) / space**2
            difference = (far_guide[part] - guide) / light
            weight = np.exp(-(squares + np.square(difference)) / 2)
            total += weight * far_maps[part]
            weights += weight
    return total / weights


class JointBilateral(ColorLayer):
    """Colour maps (N, C, H, W), smoothed but for the edges of gray faces (N, 3, H, W) in [0, 1].

    In training the maps pass unchanged, since the filter comes afterwards. `param_str`: radius,
    space and light of `joint_bilateral`.
    """

    def reshape(self, bottom: Blobs, top: Blobs) -> None:
        """As large as the maps."""
        top[0].reshape(*bottom[0].shape)

    def forward(self, bottom: Blobs, top: Blobs) -> None:
        """The maps, filtered in the TEST phase."""
        maps = bottom[0].data
        if self.phase == load_caffe().TEST:
            maps = joint_bilateral(maps, bottom[1].data[:, :1], **self.settings)
        top[0].data[...] = maps

    def backward(self, top: Blobs, propagate_down: Sequence[bool], bottom: Blobs) -> None:
        """The gradient, unchanged like the maps in training."""
        if propagate_down[0]:
            bottom[0].diff[...] = top[0].diff
