"""Tells people from what is behind them.

The network is MediaPipe Selfie Segmentation. It knows people who look into a camera near by, head
and shoulders, upright and in colour; gray photos serve it as well.
"""

from functools import cached_property

import cv2
import numpy as np

from colorgan.faces.finding.mediapipe import as_input, read_network
from colorgan.luminance import stretched

SIDE = 256  # pixels of what the network sees


class PersonSegmenter:
    """Tells which pixels show a person; not to be shared by threads.

    Its network is read when it is first needed.
    """

    @cached_property
    def _network(self) -> cv2.dnn.Net:
        return read_network("selfie_segmentation")

    def segment(self, view: np.ndarray) -> np.ndarray:
        """How surely each pixel is a person's, in [0, 1]: float32, of the view's shape.

        `view` is a square part of a photo, uint8 `(h, w)`, with a face upright in the middle.
        """
        seen = cv2.resize(view, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        self._network.setInput(as_input(stretched(seen)))
        return cv2.resize(self._network.forward()[0, 0], view.shape[::-1])
