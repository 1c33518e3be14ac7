"""The colours that the page offers where a person touches a photo: those that are as bright."""

from pathlib import Path

import cv2
import numpy as np

from colorgan.faces.database import FaceDatabase
from colorgan.luminance import chroma_of, gray_from_bgr, in_unit_range, with_chroma

LEVELS = 16  # steps of luminance
COLORS = 6  # of a step
FACES = 4000
_PER_STEP = 20_000  # pixels, at most
_SEED = 1


def measure_palette(database: Path, faces: int = FACES) -> list[list[str]]:
    """The colours of each step of luminance, from dark to bright, as "#rrggbb".

    They come from k-means over the chroma of all pixels of that luminance, be it hair, skin,
    clothes or background, in `faces` evenly picked faces of a training database. The grayest comes
    first.
    """
    with FaceDatabase(database) as opened:
        picked = np.linspace(0, len(opened) - 1, min(faces, len(opened))).astype(int)
        pixels = opened.faces(picked)
    chroma = chroma_of(in_unit_range(pixels)).transpose(0, 2, 3, 1).reshape(-1, 2)
    steps = gray_from_bgr(pixels).ravel() // (256 // LEVELS)
    rng = np.random.default_rng(_SEED)
    return [
        _colors(rng.permutation(chroma[steps == step])[:_PER_STEP], step) for step in range(LEVELS)
    ]


def _colors(chroma: np.ndarray, step: int) -> list[str]:
    """The colours of one step, from the chroma of its pixels, `(n, 2)`."""
    if len(chroma) < COLORS:
        return []
    cv2.setRNGSeed(_SEED)
    until = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_MAX_ITER, 50, 1e-4)
    _, _, means = cv2.kmeans(chroma, COLORS, None, until, 3, cv2.KMEANS_PP_CENTERS)
    means = means[np.argsort(np.hypot(*means.T))]
    luminance = np.full((1, COLORS), (step + 0.5) * (256 // LEVELS), np.uint8)
    bgr = with_chroma(luminance, means.T[:, np.newaxis])[0]
    return [f"#{red:02x}{green:02x}{blue:02x}" for blue, green, red in bgr.tolist()]
