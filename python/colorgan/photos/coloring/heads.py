"""Where a face's colours end in a photo: where the head does, or at an oval.

A face's crop holds more than the head: wall, shoulders, the next person. A network separates people
from the background. Pixels that surely are head, a person's from the crown to the chin, are 1.
Pixels of the background, of another head, or far away are 0. In between, at the neck, the photo's
own edges decide, see `smoothness`. So hair and neck beyond the crop are coloured too, in colours
that spread from the head. That would flicker in a film, where an oval of the crop is coloured.
"""

from collections.abc import Sequence
from functools import cache

import cv2
import numpy as np

from colorgan.faces.celeba.aligned import CROP_SIDE
from colorgan.faces.finding.alignment import bounds, cut_crop, scale_of
from colorgan.faces.finding.person_segmenter import PersonSegmenter
from colorgan.faces.finding.scratches import mended
from colorgan.faces.finding.similarity import of_pixels, pixel_centers, transformed
from colorgan.luminance import in_unit_range
from colorgan.photos.coloring.painting import Layer, refined_layer, rising, trimmed
from colorgan.photos.coloring.smoothness import SmoothField

# The view, the part of the photo that is searched: its first x and y in the crop, and its side in
# pixels of the crop. Edges are searched for at half that resolution.
LEFT, TOP, SIDE = -46, -36, 270
GRID = SIDE // 2

# In pixels of the crop, chosen by the chroma's error on CelebA's images, and by looks.
CENTER, RADII = (89, 90), (46, 72)  # of the oval that stands for the head if no person is seen
FACE = (30, 45)  # radii of the part that is head even where no person is seen
REACH, CHIN = (78, 100), 150  # radii within which a person is head, down to the chin
NECK, NECK_END = 16, 165  # half of the neck's width, and how far down it surely goes
FAR = 1.4  # distance, see `_distance`, beyond which nothing is head
NEAR, OUT = 0.8, 1.1  # G's own colours up to here; from there on, those that spread from the head
SHOULDERS = (150, 40)  # where they begin, downwards and sideways

# Probabilities of a person above which it surely is one, and below which it is nobody.
SURELY, NOBODY = 0.9, 0.5
CLEARLY = 0.98  # mean probability over a face that no grain hides
SPECKS = 9  # side, in pixels of the view, of the median that removes grain and dots of print

# Each pixel is pulled a little towards "not head", so that heads end even where there is no edge.
LEAK = 5e-7  # from a distance of 1 on
SHOULDERS_LEAK = 3e-4  # reached over 20 pixels of the crop
FAINT, STRONG = 0.1, 0.5  # shares of head that become opacity 0 and 1


def head_layer(
    gray: np.ndarray,
    chroma: np.ndarray,
    similarity: np.ndarray,
    others: Sequence[np.ndarray] = (),
    people: PersonSegmenter | None = None,
) -> Layer:
    """Lay a face's chroma, float32 `(2, h, w)` over its crop, on the head and nothing else.

    `gray` is the photo, uint8 `(h, w)`; `similarity` maps points of the crop to the photo, and each
    of `others` does so for another face, which is not part of this head. Without `people`, or if it
    sees nobody, only an oval surely is head.
    """
    to_photo = np.c_[similarity[:, :2], transformed(np.array([LEFT, TOP]), similarity)]
    view = cut_crop(gray, to_photo, SIDE)
    small = cv2.resize(view, (GRID, GRID), interpolation=cv2.INTER_AREA)
    predicted, coarse = _in_view(chroma, SIDE), _in_view(chroma, GRID)
    person = None if people is None else _person(view, people)
    head, beyond, leak = _surely(gray.shape, to_photo, others, person)
    seeds = np.dstack([coarse, np.ones_like(small)]) * head[..., np.newaxis]
    solved = SmoothField(small).solve(seeds.transpose(2, 0, 1), head | beyond, leak)
    share = solved[2]
    outward = rising(_grid_distance(), NEAR, OUT)
    parts = [*solved[:2] / np.maximum(share, 1e-9), outward, rising(share, FAINT, STRONG)]
    *spread, outward, opacity = (
        cv2.resize(part.astype(np.float32), (SIDE, SIDE)) for part in parts
    )
    mixed = predicted.transpose(2, 0, 1) * (1 - outward) + np.stack(spread) * outward
    return trimmed(refined_layer(mixed, in_unit_range(view), opacity, to_photo))


def oval_layer(gray: np.ndarray, chroma: np.ndarray, similarity: np.ndarray) -> Layer:
    """Lay a face's chroma on an oval of its crop, whatever the photo shows."""
    return refined_layer(
        chroma, in_unit_range(cut_crop(gray, similarity)), oval_opacity(), similarity
    )


@cache
def oval_opacity() -> np.ndarray:
    """The oval: float32 `(178, 178)`, 1 on the face, and 0 at the crop's border."""
    points = pixel_centers(CROP_SIDE, CROP_SIDE)
    return (1 - rising(_distance(points), NEAR, 1)).astype(np.float32)


def faces_in(
    similarities: Sequence[np.ndarray], shape: tuple[int, int], photo_shape: tuple[int, int]
) -> np.ndarray:
    """Which pixels surely are head: int `(h, w)` of `shape`, the face's number from 1 on, or 0.

    `similarities` map points of the faces' crops to the photo, whose own shape is `photo_shape`.
    """
    numbers = np.zeros(shape, int)
    to_seen = np.divide(shape, photo_shape)[::-1, np.newaxis]
    for number, similarity in enumerate(similarities, 1):
        here = to_seen * similarity
        first, last = bounds(here, (CROP_SIDE, CROP_SIDE), shape)
        window = slice(first[1], last[1]), slice(first[0], last[0])
        points = first + pixel_centers(*(last - first)[::-1])
        numbers[window][_in_oval(transformed(points, cv2.invertAffineTransform(here)))] = number
    return numbers


def in_heads(points: np.ndarray, similarities: Sequence[np.ndarray]) -> np.ndarray:
    """Which points `(h, w, 2)` of a photo surely are in one of these heads: bool `(h, w)`."""
    inside = np.zeros(points.shape[:2], bool)
    first, last = points.min(axis=(0, 1)), points.max(axis=(0, 1))
    for similarity in similarities:
        center = transformed(np.array(CENTER), similarity)
        apart = np.hypot(*(center - np.clip(center, first, last)))
        if apart < (NECK_END - CENTER[1]) * scale_of(similarity):  # crowds have thousands of pairs
            inside |= _in_oval(transformed(points, cv2.invertAffineTransform(similarity)))
    return inside


def _in_view(chroma: np.ndarray, side: int) -> np.ndarray:
    """A crop's chroma `(2, h, w)` in the view, `(side, side, 2)`, with the border repeated."""
    to_view = np.diag(np.divide(CROP_SIDE, chroma.shape[:0:-1]))
    return cv2.warpAffine(
        chroma.transpose(1, 2, 0),
        of_pixels(np.c_[to_view, (-LEFT, -TOP)] * (side / SIDE)),
        (side, side),
        flags=cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REPLICATE,
    )


def _person(view: np.ndarray, people: PersonSegmenter) -> np.ndarray | None:
    """How probable a person is at each point, `(GRID, GRID)`; None if not even in the face.

    A scratch looks like a person's outline, and grain can hide part of a face, or all of it.
    """
    whole = mended(view)
    person = _seen(whole, people)
    if _share_of_face(person) < CLEARLY:
        smooth = _seen(cv2.medianBlur(whole, SPECKS), people)
        person = max(person, smooth, key=_share_of_face)
    return person if _share_of_face(person) > NOBODY else None


def _seen(view: np.ndarray, people: PersonSegmenter) -> np.ndarray:
    return cv2.resize(people.segment(view), (GRID, GRID), interpolation=cv2.INTER_AREA)


def _share_of_face(person: np.ndarray) -> float:
    """How probable a person is in the middle of the face, on average."""
    return float(person[_face()].mean())


def _surely(
    shape: tuple[int, int],
    to_photo: np.ndarray,
    others: Sequence[np.ndarray],
    person: np.ndarray | None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What surely is head and what surely is not, bool `(GRID, GRID)`, and the leak of the rest.

    `shape` is the photo's; `to_photo` maps points of the view to it; `person` is from `_person`.
    """
    in_crop = _grid()
    in_photo = transformed(in_crop - (LEFT, TOP), to_photo)
    distance, head = _grid_distance(), _in_oval(in_crop)
    within = ((in_photo >= 0) & (in_photo < shape[::-1])).all(axis=2)
    beyond = within & (distance > FAR) | in_heads(in_photo, others)
    x, y = np.moveaxis(in_crop, -1, 0)
    if person is not None:
        reach = _in_ellipse(in_crop, REACH) & (y < CHIN)
        head = (head | reach & ~beyond) & (person > SURELY) | _face()
        beyond |= person < NOBODY
    down, aside = ((y, np.abs(x - CENTER[0])) - np.reshape(SHOULDERS, (2, 1, 1))) / 20
    shoulders = np.clip(down, 0, 1) * np.clip(aside, 0, 1)
    leak = LEAK * np.clip((distance - NEAR) / (1 - NEAR), 0, 1) ** 2 + SHOULDERS_LEAK * shoulders
    return head, beyond & ~head, leak


@cache
def _grid() -> np.ndarray:
    """The grid's points in the crop, x and y: `(GRID, GRID, 2)`."""
    return pixel_centers(GRID, GRID) * (SIDE / GRID) + (LEFT, TOP)


@cache
def _face() -> np.ndarray:
    """Which of those points are in the middle of the face: bool `(GRID, GRID)`."""
    return _in_ellipse(_grid(), FACE)


@cache
def _grid_distance() -> np.ndarray:
    """How far those points are from the face, see `_distance`: `(GRID, GRID)`."""
    return _distance(_grid())


def _in_oval(points: np.ndarray) -> np.ndarray:
    """Which points `(..., 2)` of the crop surely are head."""
    x, y = np.moveaxis(points, -1, 0)
    neck = (np.abs(x - CENTER[0]) < NECK) & (y > CENTER[1]) & (y < NECK_END)
    return _in_ellipse(points, RADII) | neck


def _in_ellipse(points: np.ndarray, radii: tuple[int, int]) -> np.ndarray:
    """Which points `(..., 2)` of the crop are in an ellipse around the middle of the face."""
    return np.hypot(*np.moveaxis((points - CENTER) / radii, -1, 0)) < 1


def _distance(points: np.ndarray) -> np.ndarray:
    """How far points of the crop are from the face: 1 on a line around head and neck.

    The shape was chosen by looks: an ellipse over eyes and hair, and below, at neck and shoulders,
    a curve that is closer to the crop's corners.
    """
    x, y = np.moveaxis(points, -1, 0)
    across, down = np.abs(x - 89) / 85, np.abs(y - 95)
    below = np.cbrt(across**3 + (down / 83) ** 3)
    return np.where(y < 95, np.hypot(across, down / 93), below)
