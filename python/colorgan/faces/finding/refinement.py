"""The second stage of finding faces: each candidate is looked at by itself, and kept or dropped.

As in other cascades (Zhang et al. 2016, "Joint Face Detection and Alignment Using Multitask
Cascaded Convolutional Networks"), the search may be generous, as this stage is strict; and a face's
points are those seen here.
"""

import math
from dataclasses import dataclass

import numpy as np

from colorgan.faces.celeba.landmarks import CELEBA_POINTS
from colorgan.faces.finding.scratches import mended
from colorgan.faces.finding.similarity import nearest_similarity, transformed
from colorgan.faces.finding.views import Level, View
from colorgan.faces.finding.yunet import SURE, Faces, YuNet, eye_distance
from colorgan.luminance import stretched


@dataclass(frozen=True)
class CloseUp:
    """How a face is looked at by itself: upright, in the middle of a square view."""

    side: int
    """Of the view, in pixels."""
    eyes: int
    """Pixels from eye to eye."""

    @property
    def points(self) -> np.ndarray:
        """Where an average face's five points are in the view, `(5, 2)`."""
        larger = self.eyes / eye_distance(CELEBA_POINTS)
        return (CELEBA_POINTS - CELEBA_POINTS.mean(axis=0)) * larger + self.side / 2


class Refiner:
    """Looks closer at candidates; not to be shared by threads.

    A face is looked at upright, roughly and then closely, until it stays in place: from there its
    points and score are, and what is no face there, in that place and the right way up, is
    dropped. Blurred and scratched faces look like none closely; there the rough look is enough, if
    it is sure. What still looks like none is looked at once more with its scratches filled in.
    """

    SCORE = 0.83  # that two looks need on average
    ROUGH_SCORE = 0.86  # that a rough look needs by itself, and two on average without scratches
    ROUGH, CLOSE = CloseUp(120, 30), CloseUp(320, 80)
    MENDED = CloseUp(240, 40)  # of a face and what is around it, where scratches are filled in
    MOST_LOOKS = 3  # of a kind
    FARTHEST, STEADY = 0.75, 0.15  # eye distances that a face moves in a look at most, in the last
    REACH = 2.0  # eye distances from a face's middle to a border that may cut it

    def __init__(self, network: YuNet) -> None:
        self._network = network

    def refine(self, levels: list[Level], landmarks: np.ndarray) -> Faces:
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
        halves = Faces.joined(ways)
        sure = halves[halves.scores > SURE]
        return sure[sure.scores.argsort()[-1:]]

    def _look_mended(self, levels: list[Level], landmarks: np.ndarray) -> Faces:
        """The one face at these points under scratches; none if there are no scratches.

        What was filled in may look like a face: it needs a higher score.
        """
        view, to_photo = self._close_up(levels, landmarks, self.MENDED)
        whole = mended(view)
        if whole is view:
            return Faces.joined([])
        patch = [Level(whole, to_photo)]
        return self._look_twice(patch, landmarks, mirrored=False, needed=self.ROUGH_SCORE)

    def _may_be_halved(self, level: Level, landmarks: np.ndarray) -> bool:
        """Whether the face at these points may reach beyond a border to its left or right.

        Not above or below it: beside its mirror image, a mouth is a pair of eyes.
        """
        middle = landmarks.mean(axis=0)
        along = abs(landmarks[1] - landmarks[0]).argmax()
        inside = np.minimum(middle, level.photo_size - middle)[along]
        return bool(inside < self.REACH * eye_distance(landmarks))

    def _look_twice(
        self, levels: list[Level], landmarks: np.ndarray, mirrored: bool, needed: float = SCORE
    ) -> Faces:
        """The one face at these points as a close look shows it, or a rough one that is sure."""
        rough, stays = self._until_it_stays(levels, landmarks, self.ROUGH, mirrored)
        if not len(rough):
            return rough
        close, settles = self._until_it_stays(levels, rough.landmarks[0], self.CLOSE, mirrored)
        if settles and (close.scores + rough.scores)[0] / 2 > needed:
            return close
        return rough[rough.scores > self.ROUGH_SCORE] if stays else rough[[]]

    def _until_it_stays(
        self, levels: list[Level], landmarks: np.ndarray, how: CloseUp, mirrored: bool
    ) -> tuple[Faces, bool]:
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
        self, levels: list[Level], landmarks: np.ndarray, how: CloseUp, mirrored: bool
    ) -> tuple[Faces, float]:
        """The one face that a view shows where these points are, or none.

        And how far it is from there, in eye distances: the average face laid on these points and on
        those seen. Beyond its border the photo goes on as its last pixels do, or `mirrored`.
        """
        view, to_photo = self._close_up(levels, landmarks, how, mirrored)
        expected = transformed(how.points, to_photo)
        eyes = eye_distance(expected)
        seen = self._network.look(stretched(view), to_photo)
        fits = [nearest_similarity(how.points, points) for points in seen.landmarks]
        places = np.array([transformed(how.points, fit) for fit in fits]).reshape(-1, 5, 2)
        moved = np.linalg.norm(places - expected, axis=2).mean(axis=1) / eyes
        near = np.flatnonzero(moved < self.FARTHEST)
        if not len(near):
            return seen[[]], math.inf
        surest = near[seen.scores[near].argmax()]
        return seen[[surest]], float(moved[surest])

    def _close_up(
        self, levels: list[Level], landmarks: np.ndarray, how: CloseUp, mirrored: bool = False
    ) -> View:
        """The view of a face at these points, and what takes its points to the photo's."""
        to_photo = nearest_similarity(how.points, landmarks)
        eyes = eye_distance(transformed(how.points, to_photo))
        level = min(levels, key=lambda level: abs(math.log(level.scale * eyes / how.eyes)))
        return level.cut(to_photo, how.side, mirrored), to_photo
