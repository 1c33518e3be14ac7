"""Combines the luminance of the gray input, and so its detail, with the colour of the model.

Chroma is Cb and Cr of ITU-R BT.601: blue minus luminance and red minus luminance, each scaled to
[-0.5, 0.5] for images in [0, 1].
"""

import cv2
import numpy as np

GRAY_WEIGHTS = np.array([0.114, 0.587, 0.299], np.float32).reshape(3, 1, 1)
"""Weights of B, G and R in the gray image (ITU-R BT.601), see `gray_from_bgr`; they sum to 1."""


def check_levels(images: np.ndarray, like: tuple[int, ...]) -> None:
    """ValueError unless images are uint8 and have this shape, in which 0 stands for any size."""
    fits = images.dtype == np.uint8 and len(images.shape) == len(like)
    if not fits or any(side not in (0, n) for n, side in zip(images.shape, like, strict=True)):
        wanted = ", ".join(str(side) if side else "any" for side in like)
        raise ValueError(f"got {images.dtype} {images.shape}, not uint8 ({wanted})")


def gray_from_bgr(bgr: np.ndarray) -> np.ndarray:
    """Turn uint8 `(n, 3, h, w)` BGR into uint8 `(n, h, w)` gray.

    ITU-R BT.601: 0.299 R + 0.587 G + 0.114 B, rounded to the nearest level. OpenCV computes it, so
    the result is exactly that of `cv2.cvtColor(..., COLOR_BGR2GRAY)`. ValueError for anything else.
    """
    check_levels(bgr, (0, 3, 0, 0))
    count, _, height, width = bgr.shape
    planes = [bgr[:, channel].reshape(count * height, width) for channel in range(3)]
    gray = cv2.cvtColor(cv2.merge(planes), cv2.COLOR_BGR2GRAY)
    return gray.reshape(count, height, width)


def eight_bits(image: np.ndarray) -> np.ndarray:
    """Levels as uint8: a uint8 image unchanged, a uint16 image rounded to the nearest level."""
    if image.dtype == np.uint8 or not image.size:  # OpenCV does not accept an empty array
        return image.astype(np.uint8, copy=False)
    return cv2.convertScaleAbs(image, alpha=1 / 257)


def in_unit_range(image: np.ndarray) -> np.ndarray:
    """Convert uint8 or uint16 levels to float32 in [0, 1]."""
    return image.astype(np.float32) / np.iinfo(image.dtype).max


FADED, FULL_CONTRAST = 80, 120
"""Levels between the darkest and the brightest 200th of a photo below which it counts as faded, and
above which it has full contrast (assumed)."""


def stretched(gray: np.ndarray) -> np.ndarray:
    """Stretch a faded or dark photo, gray `(h, w)` uint8, to full contrast; return others as is.

    The levels between the darkest and the brightest 200th of the pixels then fill the whole range.
    A photo that is only a little faded is stretched less, so that films do not flicker.
    """
    counts = cv2.calcHist([gray], [0], None, [256], [0, 256]).ravel()
    ends = np.searchsorted(counts.cumsum() / gray.size, (0.005, 0.995))
    contrast = int(np.ptp(ends))
    if not 0 < contrast < FULL_CONTRAST:
        return gray
    kept = np.interp(contrast, (FADED, FULL_CONTRAST), (0, 1))
    table = np.interp(np.arange(256), ends, kept * ends + (1 - kept) * np.array([0, 255]))
    return cv2.LUT(gray, np.rint(table).astype(np.uint8))


def with_luminance(bgr: np.ndarray, gray: np.ndarray) -> np.ndarray:
    """Give coloured images the luminance of gray ones, and keep their chroma where it fits.

    Takes uint8 BGR `(n, 3, h, w)` and uint8 gray `(n, h, w)`; returns uint8 BGR `(n, 3, h, w)`
    whose `gray_from_bgr` is within one level of `gray`. All three channels of a pixel are shifted
    by the difference of the grays, which keeps Cb and Cr of YCbCr. Where a channel would leave
    [0, 255], the chroma is scaled by the largest factor that fits, which keeps the hue but makes it
    less saturated.
    """
    target = gray[:, np.newaxis].astype(np.int16)
    shifted = bgr + (target - gray_from_bgr(bgr)[:, np.newaxis])
    fits = ((shifted >= 0) & (shifted <= 255)).all(axis=1, keepdims=True)
    # The luminance is not rounded here, so that the chroma has luminance 0 however it is scaled.
    chroma = bgr - (GRAY_WEIGHTS * bgr).sum(axis=1, keepdims=True)
    room = np.where(chroma > 0, 255 - target, target)
    factor = (room / np.maximum(np.abs(chroma), 1e-6)).min(axis=1, keepdims=True)
    shrunk = np.rint(target + factor * chroma)
    return np.where(fits, shifted, shrunk).astype(np.uint8)


BLUE_PER_CB, RED_PER_CR = np.float32(1.772), np.float32(1.402)


def chroma_of(bgr: np.ndarray) -> np.ndarray:
    """Cb and Cr of images: float32 BGR `(n, 3, h, w)` in [0, 1] to `(n, 2, h, w)`."""
    luminance = (GRAY_WEIGHTS * bgr).sum(axis=1)
    blue, red = bgr[:, 0] - luminance, bgr[:, 2] - luminance
    return np.stack([blue / BLUE_PER_CB, red / RED_PER_CR], axis=1)


def with_chroma(gray: np.ndarray, chroma: np.ndarray) -> np.ndarray:
    """Colour one gray image, and keep its luminance to the last bit.

    Takes gray `(h, w)`, uint8 or uint16, and float32 Cb and Cr `(2, h, w)`; returns BGR `(h, w, 3)`
    of gray's type. OpenCV converts it back to exactly `gray`. Where a channel would leave the
    type's range, the chroma is scaled by the largest factor that fits.
    """
    top = np.float32(np.iinfo(gray.dtype).max)
    luminance = gray.astype(np.float32)
    blue_weight, green_weight, red_weight = GRAY_WEIGHTS.ravel().tolist()
    blue = chroma[0] * (BLUE_PER_CB * top)
    red = chroma[1] * (RED_PER_CR * top)
    green = cv2.addWeighted(blue, -blue_weight / green_weight, red, -red_weight / green_weight, 0)
    highest, lowest = cv2.max(cv2.max(blue, green), red), cv2.min(cv2.min(blue, green), red)
    # 1 where the colour fits; without colour, highest and lowest are 0, and it fits everywhere.
    fit = cv2.min(cv2.divide(top - luminance, highest + 1e-6), cv2.divide(luminance, 1e-6 - lowest))
    fit = cv2.min(fit, 1.0)
    # OpenCV rounds to the nearest level as it converts.
    planes = [luminance + cv2.multiply(plane, fit) for plane in (blue, green, red)]
    depth = cv2.CV_8U if gray.dtype == np.uint8 else cv2.CV_16U
    colored = cv2.merge([cv2.add(plane, 0, dtype=depth) for plane in planes])
    _settle_rounding(colored, gray)
    return colored


def _settle_rounding(colored: np.ndarray, gray: np.ndarray) -> None:
    """Move single levels of green, red or blue until OpenCV's gray of `colored` is `gray`.

    Each channel was rounded by half a level at most, and so was their weighted sum, which seldom
    rounds to the next level of gray.
    """
    for channel in (1, 2, 0, 1, 2, 0):
        found = cv2.cvtColor(colored, cv2.COLOR_BGR2GRAY)
        off = np.flatnonzero(found != gray)  # ten times as fast as np.nonzero in two dimensions
        if not off.size:
            return
        direction = np.where(gray.take(off) > found.take(off), 1, -1)
        levels = colored.reshape(-1, 3)
        moved = levels[off, channel] + direction
        levels[off, channel] = np.clip(moved, 0, np.iinfo(gray.dtype).max)
