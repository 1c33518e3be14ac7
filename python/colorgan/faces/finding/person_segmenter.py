"""Separates people from the background.

The network is MediaPipe Selfie Segmentation. It was made for people who look into a nearby camera,
head and shoulders, upright and in colour; gray photos work as well.
"""

from functools import cached_property

import cv2
import numpy as np

from colorgan.faces.finding.mediapipe import as_input, read_network
from colorgan.luminance import stretched

SIDE = 256  # pixels a side of the network's input


class PersonSegmenter:
    """Finds the pixels that show a person; threads must not share one.

    Its network is loaded when it is first needed.
    """

    @cached_property
    def _network(self) -> cv2.dnn.Net:
        return read_network("selfie_segmentation")

    def segment(self, view: np.ndarray) -> np.ndarray:
        """How probably each pixel shows a person, in [0, 1]: float32, of the view's shape.

        `view` is a square part of a photo, uint8 `(h, w)`, with an upright face in the middle.
        """
        seen = cv2.resize(view, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        self._network.setInput(as_input(stretched(seen)))
        return cv2.resize(self._network.forward()[0, 0], view.shape[::-1])
