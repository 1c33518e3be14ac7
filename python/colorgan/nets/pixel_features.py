"""What a pixel is told by, and a filter along edges: layers of Caffe's, after Cheng et al. 2015."""

import numpy as np
import skimage  # whose parts load when they are used

from colorgan.nets.histogram_loss import ColorLayer
from colorgan.nets.runtime import load_caffe

# One ring of three histograms around the pixel's own, of 8 directions each: a vector of length 1.
_DAISY = {"step": 1, "rings": 1, "histograms": 3, "orientations": 8, "normalization": "l2"}


def features_of(gray: np.ndarray, patch: int, radius: int) -> np.ndarray:
    """Each pixel's features, float32 (F, H, W), of a gray face (H, W) in [0, 1].

    Its surroundings of `patch` x `patch` pixels, less 0.5; a DAISY descriptor of `radius` (Tola,
    Lepetit and Fua 2010); its place, from -1 to 1 across and down.
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

    def reshape(self, bottom, top) -> None:
        """As many maps as there are features."""
        count, _, height, width = bottom[0].shape
        top[0].reshape(count, self.settings["patch"] ** 2 + 32 + 2, height, width)

    def forward(self, bottom, top) -> None:
        """The features, face by face."""
        for place, face in enumerate(bottom[0].data):
            top[0].data[place] = features_of(face[0].astype(np.float64), **self.settings)

    def backward(self, top, propagate_down, bottom) -> None:
        """Nothing: a gray face is given."""


def joint_bilateral(
    maps: np.ndarray, guide: np.ndarray, radius: int, space: float, light: float
) -> np.ndarray:
    """Means of maps (N, C, H, W) over neighbours that are alike in the guide (N, 1, H, W).

    Neighbours up to `radius` away count by Gaussians: of `space`, by their distance in pixels, and
    of `light`, by the guide's difference (Petschnigg et al. 2004).
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
    """Colour maps (N, C, H, W), smoothed along the edges of gray faces (N, 3, H, W) in [0, 1].

    While a net learns, the maps are as they are: the filter comes after. `param_str`: radius,
    space and light of `joint_bilateral`.
    """

    def reshape(self, bottom, top) -> None:
        """As large as the maps."""
        top[0].reshape(*bottom[0].shape)

    def forward(self, bottom, top) -> None:
        """The maps, filtered if this is the net that colours."""
        maps = bottom[0].data
        if self.phase == load_caffe().TEST:
            maps = joint_bilateral(maps, bottom[1].data[:, :1], **self.settings)
        top[0].data[...] = maps

    def backward(self, top, propagate_down, bottom) -> None:
        """The gradient of the maps as they are."""
        if propagate_down[0]:
            bottom[0].diff[...] = top[0].diff
