"""How well G does while it trains: measured on the first test faces."""

import math

import numpy as np

from colorgan.faces.database import FaceDatabase
from colorgan.luminance import gray_from_bgr
from colorgan.measuring.figures.faces import sample_grid
from colorgan.measuring.quality import metrics
from colorgan.nets.deployed import generate, to_uint8
from colorgan.nets.runtime import Net

# Faces in the sample grid: as many as stand side by side on a screen at 64 pixels each.
GRID_FACES = 12
# Faces that the net sees at once: more is no faster and costs memory beside training.
VALIDATION_BATCH = 16


class Validation:
    """The first test faces, on which generators are judged while they train."""

    def __init__(self, database: FaceDatabase, count: int) -> None:
        self._real = database.faces(range(count))
        self._gray = gray_from_bgr(self._real)
        self.colorfulness = float(np.mean(metrics.colorfulness(self._real)))

    def measure(self, net: Net, prefix: str = "val") -> tuple[dict[str, float], np.ndarray]:
        """Color the faces with a deploy net: values for the log, and the sample grid, a picture."""
        parts = np.array_split(self._gray, math.ceil(len(self._gray) / VALIDATION_BATCH))
        fake = to_uint8(np.concatenate([generate(net, part) for part in parts]))
        values = {
            f"{prefix}_psnr": float(np.mean(metrics.psnr(fake, self._real))),
            f"{prefix}_colorfulness": float(np.mean(metrics.colorfulness(fake))),
        }
        some = slice(GRID_FACES)
        return values, sample_grid(self._gray[some], fake[some], self._real[some])
