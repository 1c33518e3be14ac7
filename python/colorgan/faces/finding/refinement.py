"""The second stage of finding faces: looks at each candidate by itself, and keeps or drops it.

As in other cascades (Zhang et al. 2016, "Joint Face Detection and Alignment Using Multitask
Cascaded Convolutional Networks"), the search can be generous, because this stage is strict. A
face's points are those found here.
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
    """A square view with a single face, upright and in the middle."""

    side: int
    """The side of the view, in pixels."""
    eyes: int
    """Pixels from eye to eye."""

    @property
    def points(self) -> np.ndarray:
        """Where an average face's five points are in the view, `(5, 2)`."""
        larger = self.eyes / eye_distance(CELEBA_POINTS)
        return (CELEBA_POINTS - CELEBA_POINTS.mean(axis=0)) * larger + self.side / 2


class Refiner:
    """Takes a closer look at candidates; threads must not share one.

    A face is turned upright and looked at, first roughly and then closely, until it stays in place.
    Its points and score are taken from there. A candidate that is not a face in that place, or not
    the right way up, is dropped. Close up, blurred and scratched faces do not look like faces; for
    them the rough look is enough, if it is sure. If there still is no face, scratches are filled
    in, and it is looked at again.
    """

    SCORE = 0.83  # needed by the rough and the close look on average
    ROUGH_SCORE = 0.86  # needed by a rough look alone, or by both on average with scratches filled
    ROUGH, CLOSE = CloseUp(120, 30), CloseUp(320, 80)
    MENDED = CloseUp(240, 40)  # a face with its surroundings, in which scratches are filled in
    MOST_LOOKS = 3  # of each kind
    FARTHEST, STEADY = 0.75, 0.15  # eye distances that a face may move in a look, and in the last
    REACH = 2.0  # eye distances from a face's middle within which a border may cut the face

    def __init__(self, network: YuNet) -> None:
        self._network = network

    def refine(self, levels: list[Level], landmarks: np.ndarray) -> Faces:
        """The face at these points, looked at upright; none if there is none.

        Half a face, cut by the border from forehead to chin, does not look like a face, but does so
        next to its mirror image; upside down, too, though less. It has to be a sure one, since many
        things look like a face next to their mirror image.
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
        """The face at these points under scratches; none if there are no scratches.

        It needs a higher score, since what was filled in may look like a face.
        """
        view, to_photo = self._close_up(levels, landmarks, self.MENDED)
        whole = mended(view)
        if whole is view:
            return Faces.joined([])
        patch = [Level(whole, to_photo)]
        return self._look_twice(patch, landmarks, mirrored=False, needed=self.ROUGH_SCORE)

    def _may_be_halved(self, level: Level, landmarks: np.ndarray) -> bool:
        """Whether the face at these points may reach beyond a border to its left or right.

        Borders above and below do not count: next to its mirror image, a mouth is a pair of eyes.
        """
        middle = landmarks.mean(axis=0)
        along = abs(landmarks[1] - landmarks[0]).argmax()
        inside = np.minimum(middle, level.photo_size - middle)[along]
        return bool(inside < self.REACH * eye_distance(landmarks))

    def _look_twice(
        self, levels: list[Level], landmarks: np.ndarray, mirrored: bool, needed: float = SCORE
    ) -> Faces:
        """The face at these points, from a close look, or from a rough one that is sure."""
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
        """The face at these points or none, looked at until it stays in place; and whether it does.

        For a face that leans, or is turned aside, the first look only finds out about that.
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
        """The face that a view shows at these points, or none, and how far it is from them.

        The distance is in eye distances, between the average face fitted to these points and to
        those seen. Beyond its border, the photo's last pixels are repeated, or it is `mirrored`.
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
        """The view of a face at these points, and what maps the view's points to the photo."""
        to_photo = nearest_similarity(how.points, landmarks)
        eyes = eye_distance(transformed(how.points, to_photo))
        level = min(levels, key=lambda level: abs(math.log(level.scale * eyes / how.eyes)))
        return level.cut(to_photo, how.side, mirrored), to_photo
