"""Takes scratches, cracks and creases out of what is searched for faces: long thin lines.

A line is thin where a top-hat, or a black-hat for dark lines, keeps it, and long where an opening
with a straight segment of some direction does (Soille 2004, "Morphological Image Analysis").
"""

from functools import lru_cache

import cv2
import numpy as np

THICKEST = 7
"""Pixels across, below which a line is thin."""
LONG, DIRECTIONS = 41, 16
"""Pixels of a line that make a scratch, and the directions in which it may run."""
CONTRAST = 16
"""Levels by which a scratch is brighter, or darker, than what is beside it."""
AROUND, DENSE = 31, 0.45
"""Pixels a side of a square, and the share of it in thin lines above which they are no scratches
but hair, leaves or cloth."""
EDGE = 1
"""Pixels beside a scratch that its soft edge has changed, too."""


def mended(gray: np.ndarray) -> np.ndarray:
    """A photo, gray `(h, w)` uint8, with scratches filled in; one that shows none as it is.

    Not for eyes: what else is long and thin, such as a straight lock or a stick, is gone as well.
    """
    mask = _scratches(gray)
    if not mask.any():
        return gray
    mask = cv2.dilate(mask, np.ones((2 * EDGE + 1, 2 * EDGE + 1), np.uint8))
    return cv2.inpaint(gray, mask, THICKEST // 2, cv2.INPAINT_TELEA)


def _scratches(gray: np.ndarray) -> np.ndarray:
    """255 where a scratch is, elsewhere 0: uint8 `(h, w)`."""
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
    """Straight segments about the middle of a square, in all directions: uint8 `(LONG, LONG)`."""
    segments, middle = [], LONG // 2
    for angle in np.arange(DIRECTIONS) * np.pi / DIRECTIONS:
        end = np.rint(middle * np.array([np.cos(angle), np.sin(angle)])).astype(int)
        segment = np.zeros((LONG, LONG), np.uint8)
        cv2.line(segment, (middle - end).tolist(), (middle + end).tolist(), 1)
        segments.append(segment)
    return segments
