"""Follows faces through the frames of a video, to keep their places and colours steady."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np

from colorgan.faces.finding.alignment import CROP_POINTS, cut_crop, face_similarity, scale_of
from colorgan.faces.finding.similarity import transformed

_EYE_DISTANCE = float(np.hypot(*(CROP_POINTS[1] - CROP_POINTS[0])))
# Points of CelebA's crop that move with the face: 7 x 7, from brow to chin and cheek to cheek.
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
    """Frames that the chroma is averaged over."""
    unseen: int = 0
    """Frames since the face was found."""

    def size(self) -> float:
        """Pixels from eye to eye, as if the face were seen from the front."""
        return scale_of(face_similarity(self.points)) * _EYE_DISTANCE


class FaceTracker:
    """Follows faces from frame to frame, and makes their places and colours steady.

    For each frame in turn:

    >>> if tracker.advance(gray):
    ...     tracker.correct(colorizer.find_faces(gray))
    >>> chroma = tracker.smooth(colorizer.predict_chroma(gray, tracker.faces()))
    >>> layers = colorizer.oval_layers(gray, tracker.faces(), chroma, tracker.opacity())

    It keeps the previous frame, and five points and a chroma of 64 x 64 for each face in view.

    *Places.* From frame to frame, faces move with the optical flow on them (Lucas and Kanade 1981),
    without lag and with little jitter. The flow drifts, so every LOOK seconds the detected faces
    correct it: points move by a share min(1, d / FULL) towards those detected, where d is the mean
    distance of the five, in eye distances. That damps the detector's jitter, but corrects a flow
    that has gone astray.

    *Chroma* is averaged on the aligned face, where a pixel is the same place of the face however it
    moves: c += (c_now - c) max(1 / n, 1 - exp(-1 / (SMOOTHING rate))) in the n-th frame. That is
    the plain mean at first, and later an exponential one.

    *Opacity.* New faces fade in. A face that is lost is searched for in every frame, and fades out
    after HOLD seconds. After a cut everything starts over, and faces are there at once.

    In the grainy film of tests/photos/films/test_tracking.py, with a still face and a moving
    camera, the standard deviation of a place's chroma over time falls from 0.00088 to 0.00024, and
    its mean change from frame to frame from 0.00108 to 0.00025.

    Attributes:
        is_cut: whether the latest frame begins a new scene.
    """

    LOOK = 0.2
    """Seconds between searches for faces, which take longer than everything else together."""
    FULL = 0.3
    """Eye distances; ten times the jitter of detected points in a grainy film."""
    SMOOTHING = 0.4
    """Seconds. At 25 frames/s a standard deviation is divided by 4.5; a smile is slower."""
    HOLD, FADE = 0.4, 0.3
    """Seconds that a lost face is held, and seconds that faces take to fade in or out."""
    REACH = 1.0
    """Most eye distances from a track to its face; two people's faces are further apart."""
    CUT_LEVELS, CUT_SHARE = 8.0, 0.6
    """The mean difference of thumbnails, in levels and in standard deviations, that makes a cut."""
    _THUMBNAIL = 16, 16

    def __init__(self, rate: float) -> None:
        """`rate` is in frames per second."""
        self._smoothing_share = 1 - math.exp(-1 / (self.SMOOTHING * rate))
        self._fade = min(1.0, 1 / (self.FADE * rate))
        self._look, self._hold = (max(1, round(t * rate)) for t in (self.LOOK, self.HOLD))
        self._tracks: list[_Track] = []
        self._gray = self._thumbnail = np.empty((0, 0))  # until the first frame
        self._since_look = 0
        self.is_cut = True

    def advance(self, gray: np.ndarray) -> bool:
        """Go on to the next frame, uint8 `(h, w)`; returns whether to search it for faces."""
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
        """Correct the tracks by the faces found in the frame, float32 `(k, 5, 2)` in pixels."""
        self._since_look = 0
        matches = self._matches(found)
        for track, face in matches.items():
            self._correct_track(self._tracks[track], found[face])
        new = [points for at, points in enumerate(found) if at not in matches.values()]
        opacity = 1.0 if self.is_cut else self._fade
        self._tracks += [_Track(points, opacity) for points in new]

    def faces(self) -> np.ndarray:
        """All faces in the frame, with those only followed: float32 `(k, 5, 2)`, in pixels."""
        points = [track.points for track in self._tracks]
        return np.array(points, np.float32).reshape(-1, 5, 2)

    def smooth(self, predicted: np.ndarray) -> np.ndarray:
        """Average the chroma predicted for `faces` with earlier frames': float32 `(k, 2, 64, 64)`.

        For faces that are lost it stays as it was.
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
        """The opacities of `faces`: `(k,)` in [0, 1]."""
        return np.array([track.opacity for track in self._tracks])

    def state(self) -> dict[str, np.ndarray]:
        """Everything that later frames depend on, once a frame is done."""
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
        """Go on from where another tracker was, given its `state`."""
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
        if not before.size:
            return True
        change = np.abs(self._thumbnail - before).mean()
        contrast = (self._thumbnail.std() + before.std()) / 2
        return bool(change > max(self.CUT_LEVELS, self.CUT_SHARE * contrast))

    def _matches(self, found: np.ndarray) -> dict[int, int]:
        """Which track continues as which of the faces found, nearest pairs first."""
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

    They move by the similarity on which most of the face's optical flow agrees, estimated in
    CelebA's crop, where all faces have one size. If there is none, the face stays in place.
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
    # Both crops are the same view; points are mapped into it, moved there, and mapped back.
    in_crop = transformed(points, cv2.invertAffineTransform(similarity))
    return transformed(transformed(in_crop, motion), similarity).astype(np.float32)
