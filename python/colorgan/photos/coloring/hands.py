"""Lays the colour of a face's skin on the hands of the same person, and on bare forearms.

What surely is hand, along its bones, is told by its points; what surely is not lies far from them.
In between, and along the forearm, the photo's own edges decide, see `smoothness`.
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

# The part of the photo that is looked at: its side, in palms (from the wrist to where the middle
# finger begins), and the share of it that is above the wrist.
SIDE, WRIST = 5.6, 0.46
GRID = 135  # pixels a side at which edges are looked for

# In palms. Numbers that differ by half give the same error on photographs in colour.
SURE, NEAR, FAR = 0.1, 0.25, 0.5  # from the bones: surely hand, not surely, surely not
ARM, BEND = 2.6, 55  # how far down the forearm goes, and by how many degrees aside
LEAK, ARM_LEAK = 1e-2, 3e-4  # how much is drawn to "not hand": at FAR, at the forearm's end
SLEEVE = 0.4  # of palm and thumb, from the wrist on: it may lie below a sleeve
ODD = 2.5  # median deviations of luminance from a hand's: what is further off lies before it
FAINT, STRONG = 0.2, 0.6  # less hand than this is none, and more is all

CHEEKS, CHEEK_RADII = (89, 112), (32, 40)  # of the crop: the part of a face that is skin

_FINGERS = [[0, *range(first, first + 4)] for first in (1, 5, 9, 13, 17)]
_PALM = [0, 1, 5, 9, 13, 17]
_FRACTION = 4  # bits of OpenCV's coordinates


def skin_tone(chroma: np.ndarray) -> np.ndarray:
    """The mean chroma `(2,)` of a face's skin, of its chroma over the crop, `(2, h, w)`."""
    points = pixel_centers(*chroma.shape[1:]) * (CROP_SIDE / chroma.shape[1])
    is_skin = np.hypot(*np.moveaxis((points - CHEEKS) / CHEEK_RADII, -1, 0)) < 1
    return chroma[:, is_skin].mean(axis=1)


def hand_layer(
    gray: np.ndarray, points: np.ndarray, tone: np.ndarray, faces: Sequence[np.ndarray] = ()
) -> Layer:
    """Lay a chroma `(2,)` on a hand of these points, `(21, 2)` as of `HandDetector`, no further.

    `gray` is the photo, uint8 `(h, w)`; each of `faces` takes points of a face's crop to the
    photo's. In front of a face the hand has that face's colours already.
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
    """Takes points of the view, in which the hand points up, to the photo's: `(2, 3)`."""
    wrist, index, middle, little = points[[0, 5, 9, 17]]
    # A palm that is seen from the fingers on looks short, one from the side narrow.
    palm = max(np.linalg.norm(middle - wrist), 1.15 * np.linalg.norm(little - index), 1.0)
    down_x, down_y = (wrist - middle) / max(np.linalg.norm(wrist - middle), 1e-6)
    turned = palm * SIDE / GRID * np.array([[down_y, down_x], [-down_x, down_y]])
    return np.c_[turned, wrist - turned @ (GRID / 2, GRID * WRIST)]


def _surely(points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What surely is hand and what is not, bool `(GRID, GRID)`, and how strongly the rest leaks.

    `points` are the hand's in the view.
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
    """Which pixels of a view are about as bright as a hand in it, bool `(h, w)`; none of none."""
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
