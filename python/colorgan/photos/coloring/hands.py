"""Lays the colour of a face's skin on the hands of the same person, and on bare forearms.

Pixels along the bones between a hand's points surely are hand, and those far from them surely are
not. In between, and along the forearm, the photo's own edges decide, see `smoothness`.
"""

from collections.abc import Sequence

import cv2
import numpy as np

from colorgan.faces.celeba.aligned import CROP_SIDE
from colorgan.faces.finding.alignment import cut_crop
from colorgan.faces.finding.similarity import pixel_centers, transformed
from colorgan.photos.coloring.heads import in_heads
from colorgan.photos.coloring.painting import Layer, rising, trimmed
from colorgan.photos.coloring.smoothness import SmoothField

# The view, the part of the photo that is searched: its side in palms (a palm is from the wrist to
# the root of the middle finger), and the share of it above the wrist.
SIDE, WRIST = 5.6, 0.46
GRID = 135  # pixels a side of the grid on which edges are searched for

# In palms. Half as much, or half as much again, gives the same error on photographs in colour.
SURE, NEAR, FAR = 0.1, 0.25, 0.5  # from the bones: surely hand, no longer surely, surely not
ARM, BEND = 2.6, 55  # how long the forearm is, and by how many degrees it may bend sideways
LEAK, ARM_LEAK = 1e-2, 3e-4  # the pull towards "not hand": at FAR, and at the forearm's end
SLEEVE = 0.4  # share of palm and thumb, from the wrist on, that a sleeve may cover
ODD = 2.5  # pixels this many median deviations off a hand's luminance are in front of it
FAINT, STRONG = 0.2, 0.6  # shares of hand that become opacity 0 and 1

CHEEKS, CHEEK_RADII = (89, 112), (32, 40)  # of the crop: the part of a face that is skin

_FINGERS = [[0, *range(first, first + 4)] for first in (1, 5, 9, 13, 17)]
_PALM = [0, 1, 5, 9, 13, 17]
_FRACTION = 4  # bits of OpenCV's coordinates


def skin_tone(chroma: np.ndarray) -> np.ndarray:
    """The mean chroma `(2,)` of a face's skin, given the chroma of its crop, `(2, h, w)`."""
    points = pixel_centers(*chroma.shape[1:]) * (CROP_SIDE / chroma.shape[1])
    is_skin = np.hypot(*np.moveaxis((points - CHEEKS) / CHEEK_RADII, -1, 0)) < 1
    return chroma[:, is_skin].mean(axis=1)


def hand_layer(
    gray: np.ndarray, points: np.ndarray, tone: np.ndarray, faces: Sequence[np.ndarray] = ()
) -> Layer:
    """Lay a chroma `(2,)` on the hand with these points, `(21, 2)` as `HandDetector` gives them.

    `gray` is the photo, uint8 `(h, w)`; each of `faces` maps points of a face's crop to the photo.
    Where the hand is in front of a face it has that face's colours already, and is left out.
    """
    to_photo = _to_photo(points)
    view = cut_crop(gray, to_photo, GRID)
    hand, beyond, leak = _surely(transformed(points, cv2.invertAffineTransform(to_photo)))
    beyond |= in_heads(transformed(pixel_centers(GRID, GRID), to_photo), faces)
    hand &= ~beyond & _as_bright(view, hand)
    share = SmoothField(view).solve(hand[np.newaxis], hand | beyond, leak)[0]
    maps = np.zeros((GRID, GRID, 4), np.float32)
    maps[..., 2:] = tone
    opacity = rising(share, FAINT, STRONG).astype(np.float32)
    return trimmed(Layer(maps, opacity, to_photo))


def _to_photo(points: np.ndarray) -> np.ndarray:
    """Maps points of the view, in which the hand points up, to the photo: `(2, 3)`."""
    wrist, index, middle, little = points[[0, 5, 9, 17]]
    # A palm seen from the fingertips looks short, one seen from the side looks narrow.
    length, width = (float(np.linalg.norm(way)) for way in (wrist - middle, little - index))
    palm = max(length, 1.15 * width, 1.0)
    down_x, down_y = (wrist - middle) / max(length, 1e-6)
    turned = palm * SIDE / GRID * np.array([[down_y, down_x], [-down_x, down_y]])
    return np.c_[turned, wrist - turned @ (GRID / 2, GRID * WRIST)]


def _surely(points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What surely is hand and what surely is not, bool `(GRID, GRID)`, and the leak of the rest.

    `points` are the hand's points in the view.
    """
    bare = points.copy()
    bare[[0, 1]] += SLEEVE * (points[[9, 2]] - points[[0, 1]])
    distance = _distance(points)
    from_wrist = pixel_centers(GRID, GRID) * (SIDE / GRID) - (SIDE / 2, SIDE * WRIST)
    aside, down = np.moveaxis(from_wrist, -1, 0)
    along = np.hypot(aside, down)
    is_arm = (np.abs(np.arctan2(aside, down)) < np.radians(BEND)) & (along < ARM)
    beyond = (distance > FAR) & ~is_arm
    outward = np.clip((distance - NEAR) / (FAR - NEAR), 0, 1) ** 2
    leak = np.where(is_arm, ARM_LEAK * (along / ARM) ** 2, LEAK * outward)
    return _distance(bare) < SURE, beyond, leak


def _as_bright(view: np.ndarray, hand: np.ndarray) -> np.ndarray:
    """Which pixels of a view are about as bright as the hand, bool `(h, w)`; none without one."""
    if not hand.any():
        return hand
    off = np.abs(view - np.median(view[hand]))
    return off <= ODD * np.median(off[hand])


def _distance(points: np.ndarray) -> np.ndarray:
    """How far the view's pixels are from a hand's bones, in palms: `(GRID, GRID)`."""
    free = np.full((GRID, GRID), 255, np.uint8)
    placed = np.rint((points - 0.5) * 2**_FRACTION).astype(np.int32)
    cv2.polylines(free, [placed[finger] for finger in _FINGERS], False, 0, shift=_FRACTION)
    cv2.fillPoly(free, [placed[_PALM]], 0, shift=_FRACTION)
    return cv2.distanceTransform(free, cv2.DIST_L2, 5) * (SIDE / GRID)
