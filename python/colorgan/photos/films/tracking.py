"""Follows faces through the frames of a video, so that their places and colours hold still."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np

from colorgan.faces.finding.alignment import CROP_POINTS, cut_crop, face_similarity, scale_of
from colorgan.faces.finding.similarity import transformed

_EYE_DISTANCE = float(np.hypot(*(CROP_POINTS[1] - CROP_POINTS[0])))
# Points of CelebA's crop whose motion is the face's: 7 x 7, from brow to chin, cheek to cheek.
_ON_FACE = np.mgrid[60:118:7j, 70:140:7j].reshape(2, -1).T.astype(np.float32)


@dataclass
class _Track:
    """A face that is followed through frames."""

    points: np.ndarray
    """float32 `(5, 2)`, in pixels of the latest frame."""
    opacity: float
    chroma: np.ndarray | None = None
    """float32 `(2, 64, 64)`, on the aligned face."""
    averaged: int = 0
    """Frames that the chroma is of."""
    unseen: int = 0
    """Frames since the face was found."""

    def size(self) -> float:
        """Pixels from eye to eye, were the face seen from the front."""
        return scale_of(face_similarity(self.points)) * _EYE_DISTANCE


class FaceTracker:
    """Follows faces from frame to frame, and makes their places and colours steady.

    For each frame in turn:

    >>> if tracker.advance(gray):
    ...     tracker.correct(colorizer.find_faces(gray))
    >>> chroma = tracker.smooth(colorizer.predict_chroma(gray, tracker.faces()))
    >>> layers = colorizer.oval_layers(gray, tracker.faces(), chroma, tracker.opacity())

    What is kept is the frame before, and five points and a chroma of 64 x 64 for each face in view.

    *Places.* From frame to frame faces move with the optical flow on them (Lucas and Kanade 1981),
    without lag and with little jitter. It drifts, so every LOOK the faces found correct it: points
    go the share min(1, d / FULL) of the way to those found, where d is the mean distance of the
    five in eye distances. The jitter of a detector is so damped; a flow gone astray is not kept.

    *Chroma* is averaged on the aligned face, where the same pixel is the same place of the face
    however it moves: c += (c_now - c) max(1 / n, 1 - exp(-1 / (SMOOTHING rate))) in the n-th frame,
    the plain mean at first and an exponential one then.

    *Opacity.* New faces fade in. When a face is not found, it is looked for in every frame; after
    HOLD it fades out. After a cut all begins anew, and faces are there at once.

    In the grainy film of tests/photos/test_tracking.py, of a still face under a moving camera, the
    spread of a place's chroma over time falls from 0.00088 to 0.00024, its mean change from frame
    to frame from 0.00108 to 0.00025.

    Attributes:
        is_cut: whether the latest frame begins a new scene.
    """

    LOOK = 0.2
    """Seconds between searches for faces, which take longer than all else together."""
    FULL = 0.3
    """Eye distances; ten times the jitter of the points found in a grainy film."""
    SMOOTHING = 0.4
    """Seconds. At 25 frames/s a spread is divided by 4.5; a smile is slower."""
    HOLD, FADE = 0.4, 0.3
    """Seconds since a face was last found, and those that it takes to come or go."""
    REACH = 1.0
    """Eye distances between face and track; two people's faces are further apart."""
    CUT_LEVELS, CUT_SHARE = 8.0, 0.6
    """Mean difference of thumbnails, in levels and in standard deviations, above which is a cut."""
    _THUMBNAIL = 16, 16

    def __init__(self, rate: float) -> None:
        """`rate` is in frames per second."""
        self._smoothing_share = 1 - math.exp(-1 / (self.SMOOTHING * rate))
        self._fade = min(1.0, 1 / (self.FADE * rate))
        self._look, self._hold = (max(1, round(t * rate)) for t in (self.LOOK, self.HOLD))
        self._tracks: list[_Track] = []
        self._gray: np.ndarray | None = None
        self._thumbnail: np.ndarray | None = None
        self._since_look = 0
        self.is_cut = True

    def advance(self, gray: np.ndarray) -> bool:
        """Go on to the next frame, uint8 `(h, w)`: whether faces have to be looked for in it."""
        before, self._gray = self._gray, gray
        self.is_cut = self._differs(gray)
        if self.is_cut:
            self._tracks = []
        for track in self._tracks:
            track.points = _moved(track.points, before, gray)
            track.unseen += 1
            step = self._fade if track.unseen <= self._hold else -self._fade
            track.opacity = min(1.0, track.opacity + step)
        self._tracks = [track for track in self._tracks if track.opacity > 0]
        self._since_look += 1
        lost = any(track.unseen >= self._look for track in self._tracks)
        return self.is_cut or lost or self._since_look >= self._look

    def correct(self, found: np.ndarray) -> None:
        """Take the faces that were found in the frame, float32 `(k, 5, 2)` in its pixels."""
        self._since_look = 0
        matches = self._matches(found)
        for track, face in matches.items():
            self._correct_track(self._tracks[track], found[face])
        new = [points for at, points in enumerate(found) if at not in matches.values()]
        opacity = 1.0 if self.is_cut else self._fade
        self._tracks += [_Track(points, opacity) for points in new]

    def faces(self) -> np.ndarray:
        """The faces in the frame, those carried on included: float32 `(k, 5, 2)`, in pixels."""
        points = [track.points for track in self._tracks]
        return np.array(points, np.float32).reshape(-1, 5, 2)

    def smooth(self, predicted: np.ndarray) -> np.ndarray:
        """Average the chroma predicted for `faces` with that of before; float32 `(k, 2, 64, 64)`.

        Of faces that are lost it stays as it was.
        """
        for track, chroma in zip(self._tracks, predicted, strict=True):
            if track.chroma is None:
                track.chroma = np.zeros_like(chroma)
            elif track.unseen >= self._look:
                continue
            track.averaged += 1
            share = max(1 / track.averaged, self._smoothing_share)
            track.chroma = track.chroma + np.float32(share) * (chroma - track.chroma)
        return np.array([track.chroma for track in self._tracks], np.float32).reshape(
            predicted.shape
        )

    def opacity(self) -> np.ndarray:
        """Of `faces`: `(k,)` in [0, 1]."""
        return np.array([track.opacity for track in self._tracks])

    def state(self) -> dict[str, np.ndarray]:
        """All that the frames to come depend on, once a frame is done."""
        tracks = self._tracks
        chroma = np.array([track.chroma for track in tracks], np.float32)
        counts = np.array([(track.averaged, track.unseen) for track in tracks], int)
        return {
            "points": self.faces(),
            "opacity": self.opacity(),
            "chroma": chroma.reshape(-1, 2, 64, 64),
            "counts": counts.reshape(-1, 2),
            "gray": self._gray,
            "thumbnail": self._thumbnail,
            "since_look": np.array(self._since_look),
        }

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on where another tracker was, whose `state` this is."""
        columns = (state[name] for name in ("points", "opacity", "chroma", "counts"))
        self._tracks = [
            _Track(points, float(opacity), chroma, int(averaged), int(unseen))
            for points, opacity, chroma, (averaged, unseen) in zip(*columns, strict=True)
        ]
        self._gray, self._thumbnail = state["gray"], state["thumbnail"]
        self._since_look = int(state["since_look"])

    def _differs(self, gray: np.ndarray) -> bool:
        """Whether a frame begins a new scene."""
        thumbnail = cv2.resize(gray, self._THUMBNAIL, interpolation=cv2.INTER_AREA)
        before, self._thumbnail = self._thumbnail, thumbnail.astype(np.float32)
        if before is None:
            return True
        change = np.abs(self._thumbnail - before).mean()
        contrast = (self._thumbnail.std() + before.std()) / 2
        return bool(change > max(self.CUT_LEVELS, self.CUT_SHARE * contrast))

    def _matches(self, found: np.ndarray) -> dict[int, int]:
        """Which track goes on as which of the faces found: the nearest pairs first."""
        matches: dict[int, int] = {}
        if not self._tracks or not len(found):
            return matches
        ways = self.faces()[:, np.newaxis] - found
        sizes = np.array([[track.size()] for track in self._tracks])
        distances = np.linalg.norm(ways, axis=3).mean(axis=2) / sizes
        for nearest in np.argsort(distances, axis=None):
            track, face = divmod(int(nearest), len(found))
            if distances[track, face] > self.REACH:
                break
            if track not in matches and face not in matches.values():
                matches[track] = face
        return matches

    def _correct_track(self, track: _Track, points: np.ndarray) -> None:
        way = points - track.points
        share = min(1.0, np.linalg.norm(way, axis=1).mean() / track.size() / self.FULL)
        track.points = track.points + np.float32(share) * way
        track.unseen = 0


def _moved(points: np.ndarray, before: np.ndarray, now: np.ndarray) -> np.ndarray:
    """Where a face's points, `(5, 2)`, have moved from one frame to the next.

    By the similarity that most of the optical flow on the face agrees on. It is found in CelebA's
    crop, where all faces are of a size; where there is none, the face stays in place.
    """
    similarity = face_similarity(points)
    crops = [cut_crop(gray, similarity) for gray in (before, now)]
    flown, known, _ = cv2.calcOpticalFlowPyrLK(*crops, _ON_FACE, None)
    known = known.ravel() == 1
    if known.sum() < len(_ON_FACE) / 2:
        return points
    motion, _ = cv2.estimateAffinePartial2D(_ON_FACE[known], flown[known])
    if motion is None:
        return points
    # The two crops are the same view: what moves there is taken there and back.
    in_crop = transformed(points, cv2.invertAffineTransform(similarity))
    return transformed(transformed(in_crop, motion), similarity).astype(np.float32)
