"""MediaPipe's networks, in data/networks: OpenCV runs them on the CPU."""

import cv2
import numpy as np

from colorgan.luminance import in_unit_range
from colorgan.places import NETWORKS


def read_network(name: str) -> cv2.dnn.Net:
    """One of the networks, by the name of its file."""
    return cv2.dnn.readNetFromTFLite(str(NETWORKS / f"{name}.tflite"))


def as_input(view: np.ndarray) -> np.ndarray:
    """A gray view, uint8 `(h, w)`, as the networks take it: float32 `(1, 3, h, w)` in [0, 1]."""
    return np.repeat(in_unit_range(view)[np.newaxis, np.newaxis], 3, axis=1)
