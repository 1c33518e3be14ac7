"""How light the skin is in pictures of faces, and which faces have the darkest."""

import numpy as np

from colorgan.faces.database import FaceDatabase
from colorgan.measuring.quality.metrics import lab_from_bgr

# Cheeks and nose, below the eyes and above the mouth, in fractions of the crop's side: left, top,
# right, bottom. CelebA aligns eyes and mouths.
SKIN = (22 / 64, 37 / 64, 42 / 64, 44 / 64)

DARKEST = 0.2  # share of the faces that are said to have the darkest skin

_CHUNK = 1024  # faces read at a time: 12 MB at 64x64


def skin_lightness(bgr: np.ndarray) -> np.ndarray:
    """Median CIE L* of cheeks and nose, in [0, 100], from uint8 BGR originals `(n, 3, h, w)`.

    That is how light the skin looks in the picture. It depends on skin, light and exposure
    together, and does not tell the tone of a person's skin.
    """
    height, width = bgr.shape[2:]
    left, top, right, bottom = (
        round(part * side) for part, side in zip(SKIN, (width, height) * 2, strict=True)
    )
    lightness = lab_from_bgr(bgr[:, :, top:bottom, left:right])[..., 0]
    return np.median(lightness.reshape(len(bgr), -1), axis=1)


def with_darkest_skin(faces: FaceDatabase) -> np.ndarray:
    """Ascending indices of the fifth of the faces whose skin is darkest in the picture."""
    count = len(faces)
    chunks = (range(start, min(start + _CHUNK, count)) for start in range(0, count, _CHUNK))
    lightness = np.concatenate([skin_lightness(faces.faces(chunk)) for chunk in chunks])
    return np.sort(np.argsort(lightness, kind="stable")[: round(DARKEST * count)])
