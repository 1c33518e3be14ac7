"""Keeps the colours outside of faces steady through the frames of a video."""

import math
from collections.abc import Mapping

import cv2
import numpy as np


class ViewSmoother:
    """Averages a film's chroma over time, following what moves in the view.

    For each frame in turn, `smooth` takes the chroma that the generator predicts for the whole
    frame. Each pixel follows the dense optical flow (Kroeger, Timofte, Dai and Van Gool 2016, "Fast
    Optical Flow using Dense Inverse Search"), and is averaged like a face's in `tracking`. If the
    flow leads to another brightness, or out of the frame, something hidden has come into view, and
    takes its new colour at once. After a cut, everything does.

    In the film of tests/photos/films/test_view.py, in which a face comes into a moving view, the
    chroma of a place behind it changes by 0.12 levels of 255 from frame to frame, and by 0.23 at
    most. If each frame is coloured by itself, at its faces' scale, it changes by 0.6 to 1.6.
    """

    SMOOTHING = 0.4
    """Seconds, the same as for faces."""
    LOST = 12.0
    """Levels of difference to where a place was before; grain, once averaged, differs by less."""
    _FINER = 2  # the flow's resolution, as a multiple of the chroma's

    def __init__(self, rate: float) -> None:
        """`rate` is in frames per second."""
        self._share = 1 - math.exp(-1 / (self.SMOOTHING * rate))
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
        self._chroma, self._gray = np.empty((2, 0, 0)), np.empty((0, 0))
        self._averaged = 0  # frames

    def smooth(self, gray: np.ndarray, chroma: np.ndarray, is_cut: bool) -> np.ndarray:
        """Average the chroma of a frame, float32 `(2, h, w)`, with that of earlier frames.

        `gray` is the frame, uint8 of any size; `is_cut` says whether it begins a new scene.
        """
        size = np.array(chroma.shape[:0:-1])
        small = cv2.resize(gray, (size * self._FINER).tolist(), interpolation=cv2.INTER_AREA)
        if is_cut or not self._averaged:
            self._chroma, self._averaged = chroma, 1
        else:
            self._averaged += 1
            carried, lost = self._carried(small, size.tolist())
            share = np.maximum(max(1 / self._averaged, self._share), lost)
            self._chroma = carried + share * (chroma - carried)
        self._gray = small
        return self._chroma

    def state(self) -> dict[str, np.ndarray]:
        """Everything that later frames depend on, once a frame is done."""
        return {"chroma": self._chroma, "gray": self._gray, "averaged": np.array(self._averaged)}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on from where another smoother was, given its `state`."""
        self._chroma, self._gray = state["chroma"], state["gray"]
        self._averaged = int(state["averaged"])

    def _carried(self, now: np.ndarray, size: list[int]) -> tuple[np.ndarray, np.ndarray]:
        """The chroma, moved along with the view, and the share of each pixel that is new in it."""
        height, width = now.shape
        y, x = np.mgrid[:height, :width].astype(np.float32)
        was = self._flow.calc(now, self._gray, None) + cv2.merge([x, y])
        before = cv2.remap(self._gray, was, None, cv2.INTER_LINEAR, None, cv2.BORDER_REPLICATE)
        change = cv2.blur(cv2.absdiff(before, now).astype(np.float32), (5, 5))
        beyond = ((was < 0) | (was > [width - 1, height - 1])).any(axis=2)
        lost = ((change > self.LOST) | beyond).astype(np.float32)
        lost = cv2.resize(lost, size, interpolation=cv2.INTER_AREA)
        # Pixel centres are at halves in both resolutions.
        was = (cv2.resize(was, size, interpolation=cv2.INTER_AREA) + 0.5) / self._FINER - 0.5
        planes = cv2.merge(list(self._chroma))
        carried = cv2.remap(planes, was, None, cv2.INTER_LINEAR, None, cv2.BORDER_REPLICATE)
        return carried.transpose(2, 0, 1), lost
