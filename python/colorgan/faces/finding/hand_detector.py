"""Finds the hands of people whose faces are known, with 21 points for each.

The networks are MediaPipe's (Zhang et al. 2020, "MediaPipe Hands: On-device Real-time Hand
Tracking"): one finds palms in any direction; the other finds the points of a hand that points up,
and scores whether it is a hand.
"""

import math
from collections import Counter
from dataclasses import dataclass
from functools import cache, cached_property

import cv2
import numpy as np

from colorgan.faces.celeba.aligned import CROP_SIDE
from colorgan.faces.finding.alignment import cut_crop, face_similarity, scale_of
from colorgan.faces.finding.mediapipe import as_input, read_network
from colorgan.faces.finding.similarity import pixel_centers, transformed

PALM_VIEW, HAND_VIEW = 192, 224  # sides of the networks' inputs, in pixels

# The views that are searched: x and y from a face's middle and the view's side, in sides of the
# face's crop, and the view's turn in degrees. It is a matter of chance which turn shows a palm.
VIEWS = (
    (0.0, 0.85, 2.35, 180),
    (-0.85, 1.28, 1.92, 270),
    (0.85, 1.28, 1.92, 270),
    (0.0, 1.28, 3.42, 90),
)
SAME = 0.2  # views whose corners are closer than this, in sides of the view, count as one
LEAST_SEEN = 0.1  # share of a view that has to be inside the photo
MOST_FACES = 16  # the largest faces of a photo whose hands are searched; crowds hide their hands
SMALLEST_CROP = 64  # pixels of the photo; hands of smaller faces cannot be recognized
PALM_SIDE, PALM_SIDES = 0.26, (0.12, 0.52)  # typical palm, and range, in sides of the face's crop
IN_FACE = 0.2  # sides of the crop from a face's middle; a palm this close is not one
PALM_SCORE, SCORE = 0.4, 0.8  # for a closer look, and for a hand
MOST_LOOKS = 4  # closer looks at palms of one face
APART = 0.8  # sides of a palm that two palms must be apart


@dataclass(frozen=True)
class Hand:
    """A hand in a photo."""

    points: np.ndarray
    """x and y in pixels of the photo, `(21, 2)`: the wrist, then four for each finger, beginning
    with the thumb, from the palm to the tip."""
    score: float
    """How surely this is a hand, in [0, 1]."""
    face: int
    """The owner, as an index of the faces that were given."""


@dataclass(frozen=True)
class _Palm:
    score: float
    middle: np.ndarray
    side: float
    up: np.ndarray
    """From the wrist to the middle finger, of length 1."""


class HandDetector:
    """Finds the hands that belong to faces; threads must not share one.

    Its networks are loaded when they are first needed.
    """

    @cached_property
    def _palms(self) -> cv2.dnn.Net:
        return read_network("palm_detection_full")

    @cached_property
    def _hand(self) -> cv2.dnn.Net:
        return read_network("hand_landmark_lite")

    def detect(self, gray: np.ndarray, faces: np.ndarray) -> list[Hand]:
        """The hands in a photo, uint8 `(h, w)`, of faces with these points, `(k, 5, 2)`.

        Each is found once, as a hand of the nearest face, measured in units of that face's size.
        """
        by_size = sorted(range(len(faces)), key=lambda at: -_crop_side(faces[at]))
        large = [at for at in by_size[:MOST_FACES] if _crop_side(faces[at]) >= SMALLEST_CROP]
        views: list[np.ndarray] = []
        for view in [_view(faces[at], *view) for view in VIEWS for at in large]:
            if all(_differ(view, other) for other in views):
                views.append(view)
        palms = [palm for view in views for palm in self._look(gray, view)]
        looks = Counter[int]()
        hands: list[Hand] = []
        seen: list[_Palm] = []
        for palm in sorted(palms, key=lambda palm: -palm.score):
            owner = min(large, key=lambda at: _strangeness(palm, faces[at]))
            is_new = all(_apart(palm, other) for other in seen)
            if is_new and _may_belong(palm, faces[owner]) and looks[owner] < MOST_LOOKS:
                looks[owner] += 1
                points, score = self._look_closely(gray, palm)
                if score >= SCORE:
                    seen.append(palm)
                    hands.append(Hand(points, score, owner))
        return hands

    def _look(self, gray: np.ndarray, to_photo: np.ndarray) -> list[_Palm]:
        """The palms in a view of the photo; `to_photo` maps its points to the photo."""
        places = transformed(pixel_centers(8, 8) * PALM_VIEW / 8, to_photo)
        if ((places >= 0) & (places < gray.shape[::-1])).all(axis=2).mean() < LEAST_SEEN:
            return []
        self._palms.setInput(as_input(cut_crop(gray, to_photo, PALM_VIEW)))
        logits, boxes = self._palms.forward(["Identity_1", "Identity"])
        scores = 1 / (1 + np.exp(-logits[0, :, 0].clip(-50, 50)))
        sure = scores > PALM_SCORE
        middles = transformed(boxes[0, sure, :2] + _anchors()[sure], to_photo)
        sides = boxes[0, sure, 2:4].max(axis=1) * scale_of(to_photo)
        ups = (boxes[0, sure, 8:10] - boxes[0, sure, 4:6]) @ to_photo[:, :2].T
        ups /= np.maximum(np.linalg.norm(ups, axis=1, keepdims=True), 1e-6)
        return list(map(_Palm, scores[sure].tolist(), middles, sides.tolist(), ups))

    def _look_closely(self, gray: np.ndarray, palm: _Palm) -> tuple[np.ndarray, float]:
        """A hand's points in the photo, `(21, 2)`, and how surely it is a hand."""
        # As in MediaPipe, the view is 2.6 palms wide, and shifted by half a palm to the fingers.
        to_photo = _square(
            palm.middle + palm.up * palm.side / 2, -palm.up, 2.6 * palm.side / HAND_VIEW, HAND_VIEW
        )
        self._hand.setInput(as_input(cut_crop(gray, to_photo, HAND_VIEW)))
        points, score = self._hand.forward(["Identity", "Identity_1"])
        return transformed(points.reshape(21, 3)[:, :2], to_photo), float(score.item())


def _view(face: np.ndarray, x: float, y: float, side: float, degrees: float) -> np.ndarray:
    """A view near a face, see VIEWS: maps its points to the photo, `(2, 3)`."""
    similarity = face_similarity(face)
    middle = face.mean(axis=0) + CROP_SIDE * similarity[:, :2] @ (x, y)
    turn = np.radians(degrees)
    down = similarity[:, :2] @ (-math.sin(turn), math.cos(turn)) / scale_of(similarity)
    return _square(middle, down, side * CROP_SIDE * scale_of(similarity) / PALM_VIEW, PALM_VIEW)


def _square(middle: np.ndarray, down: np.ndarray, scale: float, side: int) -> np.ndarray:
    """A square view around a point of the photo: maps its points to the photo, `(2, 3)`.

    `down` is the direction in the photo that is down in the view; a pixel of the view is `scale`
    wide in the photo.
    """
    turned = scale * np.array([[down[1], down[0]], [-down[0], down[1]]])
    return np.c_[turned, middle - turned @ np.full(2, side / 2)]


@cache
def _anchors() -> np.ndarray:
    """The points of a view that the palms' boxes are relative to: `(2016, 2)`, in pixels."""
    grids = []
    for cells, boxes in ((24, 2), (12, 6)):
        middles = pixel_centers(cells, cells).reshape(-1, 2) / cells
        grids.append(np.repeat(middles, boxes, axis=0))
    return np.concatenate(grids) * PALM_VIEW


def _crop_side(face: np.ndarray) -> float:
    """The width of a face's crop in pixels of the photo."""
    return scale_of(face_similarity(face)) * CROP_SIDE


def _distance(palm: _Palm, face: np.ndarray) -> float:
    """A palm's distance from a face's middle, in sides of its crop."""
    return float(np.linalg.norm(palm.middle - face.mean(axis=0)) / _crop_side(face))


def _may_belong(palm: _Palm, face: np.ndarray) -> bool:
    """Whether a palm's place and size fit this face."""
    least, most = PALM_SIDES
    in_face = _distance(palm, face) < IN_FACE
    return least < palm.side / _crop_side(face) < most and not in_face


def _strangeness(palm: _Palm, face: np.ndarray) -> float:
    """How badly a palm fits a face: 0 in the face's middle and at the typical size."""
    size = palm.side / (PALM_SIDE * _crop_side(face))
    return _distance(palm, face) + abs(math.log(size))


def _apart(palm: _Palm, other: _Palm) -> bool:
    distance = np.linalg.norm(palm.middle - other.middle)
    return bool(distance > APART * max(palm.side, other.side))


def _differ(view: np.ndarray, other: np.ndarray) -> bool:
    """Whether two views show different things, or in different ways."""
    corners = np.array([[0, 0], [PALM_VIEW, 0], [0, PALM_VIEW]])
    moved = transformed(corners, view) - transformed(corners, other)
    return bool(np.linalg.norm(moved, axis=1).max() > SAME * PALM_VIEW * scale_of(view))
