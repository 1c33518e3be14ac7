"""Loads MediaPipe's networks from data/networks; OpenCV runs them on the CPU."""

import cv2
import numpy as np

from colorgan.luminance import in_unit_range
from colorgan.places import NETWORKS


def read_network(name: str) -> cv2.dnn.Net:
    """Load one of the networks, by the name of its file."""
    return cv2.dnn.readNetFromTFLite(str(NETWORKS / f"{name}.tflite"))


def as_input(view: np.ndarray) -> np.ndarray:
    """A network's input, float32 `(1, 3, h, w)` in [0, 1], for a gray view, uint8 `(h, w)`."""
    return np.repeat(in_unit_range(view)[np.newaxis, np.newaxis], 3, axis=1)
