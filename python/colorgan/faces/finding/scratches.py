"""Removes scratches, cracks and creases, which are long thin lines, before a search for faces.

A line is thin if a top-hat keeps it, or a black-hat if it is dark. It is long if an opening with a
straight segment in some direction keeps it (Soille 2004, "Morphological Image Analysis").
"""

from functools import lru_cache

import cv2
import numpy as np

THICKEST = 7
"""Width in pixels below which a line is thin."""
LONG, DIRECTIONS = 41, 16
"""Length in pixels from which a line is a scratch, and the number of directions it may have."""
CONTRAST = 16
"""Levels by which a scratch is brighter, or darker, than the pixels beside it."""
AROUND, DENSE = 31, 0.45
"""Side of a square in pixels, and the share of thin lines in it above which they are not scratches
but hair, leaves or cloth."""
EDGE = 1
"""Pixels on each side that a scratch's soft edge has changed as well."""


def mended(gray: np.ndarray) -> np.ndarray:
    """A photo, gray `(h, w)` uint8, with scratches filled in; unchanged if it has none.

    The result is not for people to look at: other long thin things, such as a straight lock of hair
    or a stick, are gone as well.
    """
    mask = _scratches(gray)
    if not mask.any():
        return gray
    mask = cv2.dilate(mask, np.ones((2 * EDGE + 1, 2 * EDGE + 1), np.uint8))
    return cv2.inpaint(gray, mask, THICKEST // 2, cv2.INPAINT_TELEA)


def _scratches(gray: np.ndarray) -> np.ndarray:
    """255 where there is a scratch, 0 elsewhere: uint8 `(h, w)`."""
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (THICKEST, THICKEST))
    mask = np.zeros_like(gray)
    for bright_or_dark in (cv2.MORPH_TOPHAT, cv2.MORPH_BLACKHAT):
        above = cv2.morphologyEx(gray, bright_or_dark, disc)
        thin = cv2.threshold(above, CONTRAST, 255, cv2.THRESH_BINARY)[1]
        thin[cv2.blur(thin, (AROUND, AROUND)) > 255 * DENSE] = 0
        for segment in _segments():
            mask |= cv2.morphologyEx(thin, cv2.MORPH_OPEN, segment)
    return mask


@lru_cache(maxsize=1)
def _segments() -> list[np.ndarray]:
    """Straight segments through a square's middle, in all directions: uint8 `(LONG, LONG)`."""
    segments, middle = [], LONG // 2
    for angle in np.arange(DIRECTIONS) * np.pi / DIRECTIONS:
        end = np.rint(middle * np.array([np.cos(angle), np.sin(angle)])).astype(int)
        segment = np.zeros((LONG, LONG), np.uint8)
        cv2.line(segment, (middle - end).tolist(), (middle + end).tolist(), 1)
        segments.append(segment)
    return segments
