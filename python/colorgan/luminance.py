"""Detail from the gray input, colour from the model: an output with its input's luminance."""

import cv2
import numpy as np

GRAY_WEIGHTS = np.float32([0.114, 0.587, 0.299]).reshape(3, 1, 1)
"""What B, G and R weigh in the gray image (ITU-R BT.601), as in `gray_from_bgr`; their sum is 1."""


def gray_from_bgr(bgr: np.ndarray) -> np.ndarray:
    """Turn uint8 `(n, 3, h, w)` BGR into uint8 `(n, h, w)` gray.

    ITU-R BT.601: 0.299 R + 0.587 G + 0.114 B, rounded to the nearest level. OpenCV does the
    arithmetic, so the result is that of `cv2.cvtColor(..., COLOR_BGR2GRAY)` to the bit.
    """
    count, _, height, width = bgr.shape
    planes = [bgr[:, channel].reshape(count * height, width) for channel in range(3)]
    gray = cv2.cvtColor(cv2.merge(planes), cv2.COLOR_BGR2GRAY)
    return gray.reshape(count, height, width)


def with_luminance(bgr: np.ndarray, gray: np.ndarray) -> np.ndarray:
    """Give coloured images the luminance of gray ones, and keep their chroma where it fits.

    Takes uint8 BGR `(n, 3, h, w)` and uint8 gray `(n, h, w)`; returns uint8 BGR `(n, 3, h, w)`
    whose `gray_from_bgr` is `gray`, to one level. All three channels of a pixel are shifted by the
    difference of the grays, which keeps Cb and Cr of YCbCr. Where a channel would leave [0, 255],
    the chroma is shrunk towards the gray by the largest factor that stays in: of the same hue, less
    saturated.
    """
    target = gray[:, np.newaxis].astype(np.int16)
    shifted = bgr + (target - gray_from_bgr(bgr)[:, np.newaxis])
    fits = ((shifted >= 0) & (shifted <= 255)).all(axis=1, keepdims=True)
    # Without the rounding of the image's own gray: a chroma of luminance 0 shrinks without a trace.
    chroma = bgr - (GRAY_WEIGHTS * bgr).sum(axis=1, keepdims=True)
    room = np.where(chroma > 0, 255 - target, target)
    factor = (room / np.maximum(np.abs(chroma), 1e-6)).min(axis=1, keepdims=True)
    shrunk = np.rint(target + factor * chroma)
    return np.where(fits, shifted, shrunk).astype(np.uint8)
