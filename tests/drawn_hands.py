"""A drawn hand, as the networks that find hands take it for one."""

import cv2
import numpy as np

WRIST, TIPS = (205, 365), ((70, 230), (140, 110), (190, 85), (238, 105), (285, 150))
"""Of the drawing; tips from the thumb on."""
_ROOTS, _WIDTHS = (
    ((150, 310), (150, 250), (190, 245), (230, 248), (265, 262)),
    (36, 34, 36, 34, 28),
)


def drawn_hand(levels: tuple[int, int] = (200, 60)) -> tuple[np.ndarray, np.ndarray]:
    """A hand with a forearm before a wall, uint8 `(400, 400)`, and where it is, bool."""
    hand = np.zeros((400, 400), np.uint8)
    for root, tip, width in zip(_ROOTS, TIPS, _WIDTHS, strict=True):
        cv2.line(hand, root, tip, 1, width)
    cv2.ellipse(hand, (205, 300), (72, 80), 0, 0, 360, 1, cv2.FILLED)
    cv2.line(hand, (205, 340), (205, 400), 1, 90)
    skin, wall = levels
    round_shade = 0.75 + 0.25 * np.clip(cv2.distanceTransform(hand, cv2.DIST_L2, 5) / 14, 0, 1)
    drawn = np.where(hand, skin * round_shade, wall)
    return cv2.GaussianBlur(drawn, (0, 0), 1.2).astype(np.uint8), hand > 0


def with_hand(gray: np.ndarray, place: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A photo with the drawn hand before it, and where that is; `place` takes its points there."""
    drawn, hand = drawn_hand()
    size, area = gray.shape[::-1], cv2.INTER_AREA
    mask = cv2.warpAffine(hand.astype(np.float32), place, size, flags=area)
    return np.where(mask > 0.5, cv2.warpAffine(drawn, place, size, flags=area), gray), mask > 0.5
