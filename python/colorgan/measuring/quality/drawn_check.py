"""What a generator scores on a few drawn faces, to see whether weights still do what they did."""

import cv2
import numpy as np

from colorgan.faces.celeba.aligned import CROP_LEFT, CROP_SIDE, CROP_TOP
from colorgan.faces.drawn.portrait import draw_face
from colorgan.luminance import gray_from_bgr
from colorgan.measuring.quality.metrics import measure
from colorgan.nets.deployed import DeployedGenerator, to_uint8

# Recorded beside the released weights, by `colorgan release-weights`.
DRAWN_METRICS_FILE = "drawn_faces.json"
SEED, FACES = 2018, 24
SIZE = 64


def drawn_test_faces() -> np.ndarray:
    """The faces of the check, cropped and scaled like CelebA's: uint8 BGR (24, 3, 64, 64)."""
    rows, columns = (slice(start, start + CROP_SIDE) for start in (CROP_TOP, CROP_LEFT))
    crops = [draw_face(SEED, number)[rows, columns] for number in range(1, FACES + 1)]
    small = [cv2.resize(crop, (SIZE, SIZE), interpolation=cv2.INTER_AREA) for crop in crops]
    return np.moveaxis(np.stack(small), -1, 1)


def measure_on_drawn_faces(generator: DeployedGenerator) -> dict[str, float]:
    """The mean of every metric over the drawn faces.

    These faces are far from what the generator has learned, so the values say nothing about how
    well it colours people. But they change when the weights, the net or Caffe change.
    """
    real = np.ascontiguousarray(drawn_test_faces())
    fake = to_uint8(generator.colorize(gray_from_bgr(real)))
    return {key: float(values.mean()) for key, values in measure(fake, real).items()}
