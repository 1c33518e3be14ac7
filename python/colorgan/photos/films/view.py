"""Holds the colours of what is outside of faces steady through the frames of a video."""

import math
from collections.abc import Mapping

import cv2
import numpy as np


class ViewSmoother:
    """Averages a film's chroma over time, along with what moves in the view.

    For each frame in turn, `smooth` takes the chroma that the generator gives to the whole frame.
    Each pixel of it is carried on by the dense optical flow (Kroeger, Timofte, Dai and Van Gool
    2016, "Fast Optical Flow using Dense Inverse Search"), and averaged as a face's is in
    `tracking`. Where the flow leads to another brightness, or out of the frame, what was hidden
    has come into view, and takes its colour at once; after a cut, all does.

    In the film of tests/photos/test_view.py, where a face comes into a moving view, the chroma of a
    place behind it changes by 0.12 levels of 255 from frame to frame, and by 0.23 at most. Where
    each frame is coloured by itself, at its faces' scale, it changes by 0.6 to 1.6.
    """

    SMOOTHING = 0.4
    """Seconds, as of faces."""
    LOST = 12.0
    """Levels between a place and where it was; grain differs by less once it is averaged."""
    _FINER = 2  # times the chroma's resolution is the flow's

    def __init__(self, rate: float) -> None:
        """`rate` is in frames per second."""
        self._share = 1 - math.exp(-1 / (self.SMOOTHING * rate))
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
        self._chroma: np.ndarray | None = None
        self._gray: np.ndarray | None = None
        self._averaged = 0

    def smooth(self, gray: np.ndarray, chroma: np.ndarray, is_cut: bool) -> np.ndarray:
        """Average the chroma of a frame, float32 `(2, h, w)`, with that of the frames before.

        `gray` is the frame, uint8 of any size; `is_cut` says that it begins a new scene.
        """
        size = np.array(chroma.shape[:0:-1])
        small = cv2.resize(gray, (size * self._FINER).tolist(), interpolation=cv2.INTER_AREA)
        if is_cut or self._chroma is None:
            self._chroma, self._averaged = chroma, 1
        else:
            self._averaged += 1
            carried, lost = self._carried(small, size.tolist())
            share = np.maximum(max(1 / self._averaged, self._share), lost)
            self._chroma = carried + share * (chroma - carried)
        self._gray = small
        return self._chroma

    def state(self) -> dict[str, np.ndarray]:
        """All that the frames to come depend on, once a frame is done."""
        return {"chroma": self._chroma, "gray": self._gray, "averaged": np.array(self._averaged)}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on where another smoother was, whose `state` this is."""
        self._chroma, self._gray = state["chroma"], state["gray"]
        self._averaged = int(state["averaged"])

    def _carried(self, now: np.ndarray, size: list[int]) -> tuple[np.ndarray, np.ndarray]:
        """The chroma where it has moved to, and the share of each pixel that is new in view."""
        height, width = now.shape
        y, x = np.mgrid[:height, :width].astype(np.float32)
        was = self._flow.calc(now, self._gray, None) + cv2.merge([x, y])
        before = cv2.remap(self._gray, was, None, cv2.INTER_LINEAR, None, cv2.BORDER_REPLICATE)
        change = cv2.blur(cv2.absdiff(before, now).astype(np.float32), (5, 5))
        beyond = ((was < 0) | (was > [width - 1, height - 1])).any(axis=2)
        lost = ((change > self.LOST) | beyond).astype(np.float32)
        lost = cv2.resize(lost, size, interpolation=cv2.INTER_AREA)
        # Centres of pixels lie at halves in both resolutions.
        was = (cv2.resize(was, size, interpolation=cv2.INTER_AREA) + 0.5) / self._FINER - 0.5
        planes = cv2.merge(list(self._chroma))
        carried = cv2.remap(planes, was, None, cv2.INTER_LINEAR, None, cv2.BORDER_REPLICATE)
        return carried.transpose(2, 0, 1), lost
